import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createRedactor, type Redactor } from '../../../log/redact.ts'
import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import { Secret } from '../../../model/secret.ts'
import { serviceLogPath } from '../paths.ts'
import { LogWriter } from './log-writer.ts'
import type { StartRequest, Stopped } from './protocol.ts'
import { type ServiceRecord, serviceKey } from './record.ts'
import { Supervised } from './supervised.ts'

/** Services by key: those that are supervised, and the records of those that were. What concerns one service happens one after the other. */
export class Registry {
  readonly #folder: string
  readonly #onChange: (record: ServiceRecord) => void
  readonly #services = new Map<string, Supervised>()
  readonly #past = new Map<string, ServiceRecord>()
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #logs = new Map<string, LogWriter>()
  readonly #redactors = new Map<string, { of: string; redactor: Redactor }>()
  #closed = false

  /** `past` are the records of services that an earlier supervisor had. */
  constructor(folder: string, past: ServiceRecord[], onChange: (record: ServiceRecord) => void) {
    this.#folder = folder
    this.#onChange = onChange
    for (const record of past) this.#past.set(serviceKey(record), record)
  }

  /** Every record, or those of one environment. */
  records(environment?: string): ServiceRecord[] {
    const all = new Map(this.#past)
    for (const [key, { record }] of this.#services) all.set(key, record)
    return [...all.values()].filter((record) => environment === undefined || record.environment === environment)
  }

  /** How many services are to run. */
  get wanted(): number {
    return [...this.#services.values()].filter((service) => service.wanted).length
  }

  /** Starts a service; what runs under its name is ended first. */
  start(request: StartRequest): Promise<Result<ServiceRecord>> {
    const key = serviceKey(request)
    return this.#inTurn(key, async () => {
      const stuck = await this.#endOld(key)
      if (stuck) return failed(stuck)
      if (this.#closed) return failed({ code: 'supervisor-ending', message: 'the supervisor is about to end' })
      const path = serviceLogPath(this.#folder, request.environment, request.service)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const log = new LogWriter(path, {
        ...(request.secrets.length > 0 && { redactor: this.#redactorOf(request) }),
      })
      this.#logs.set(key, log)
      const service = new Supervised(request, log, this.#onChange)
      this.#services.delete(key)
      this.#services.set(key, service)
      this.#past.delete(key)
      const started = await service.start()
      return started.ok ? ok(service.record) : started
    })
  }

  /** Services of an environment hide the same values, mostly: one automaton serves them all. */
  #redactorOf(request: StartRequest): Redactor {
    const { service, secrets } = request
    const of = JSON.stringify(secrets)
    const known = [...this.#redactors.values()].find((entry) => entry.of === of)
    const redactor = known?.redactor ?? createRedactor(secrets.map((value) => new Secret(service, value)))
    this.#redactors.set(serviceKey(request), { of, redactor })
    return redactor
  }

  /** Ends a service; one that does not run is fine. */
  stop(environment: string, service: string): Promise<Omit<Stopped, 'remaining'>> {
    const key = serviceKey({ environment, service })
    return this.#inTurn(key, async () => (await this.#services.get(key)?.stop()) ?? { killed: false, left: [] })
  }

  /** A gate has passed for an instance of a service. */
  settle(environment: string, service: string, startedAt: string): void {
    this.#services.get(serviceKey({ environment, service }))?.settle(startedAt)
  }

  /** What is to run, in the order in which it was started. */
  requests(): StartRequest[] {
    return [...this.#services.values()].filter((service) => service.wanted).map(({ request }) => request)
  }

  /** Ends everything, the newest first: what was started later may need what was started earlier. Nothing is started any more. */
  async stopAll(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#queues.values())
    // What has ended by itself is not stopped: how it ended is what its record is for.
    const running = [...this.#services.values()].filter((service) => service.wanted)
    for (const { request } of running.reverse()) {
      await this.stop(request.environment, request.service)
    }
    await Promise.all([...this.#logs.values()].map((log) => log.close()))
  }

  async #endOld(key: string): Promise<Failure | undefined> {
    const old = this.#services.get(key)
    if (!old) return undefined
    const { left } = await old.stop()
    await this.#logs.get(key)?.close()
    if (left.length === 0) return undefined
    return {
      code: 'service-not-stopped',
      message: `the running ${old.request.service} could not be ended: pid ${left.join(', ')} did not react to KILL`,
      service: old.request.service,
    }
  }

  #inTurn<T>(key: string, act: () => Promise<T>): Promise<T> {
    const turn = (this.#queues.get(key) ?? Promise.resolve()).then(act, act)
    this.#queues.set(key, turn)
    return turn
  }
}

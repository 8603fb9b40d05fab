import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { errorCode, readJson } from '../../system/files.ts'
import { isAlive } from '../../system/process-identity.ts'
import {
  abortedRequest,
  connectionLost,
  newerSupervisor,
  notReachable,
  recoveredText,
  supervisorElsewhere,
  supervisorSilent,
} from './client-texts.ts'
import { supervisorRecordPath } from './paths.ts'
import { holderElsewhere } from './supervisor/claim.ts'
import { launchSupervisor } from './supervisor/launch.ts'
import { supervisorProgram } from './supervisor/program.ts'
import {
  type Answer,
  type Event,
  encode,
  lineSplitter,
  type Method,
  protocolVersion,
  type Request,
  type Requests,
} from './supervisor/protocol.ts'
import type { ServiceRecord } from './supervisor/record.ts'
import type { SupervisorRecord } from './supervisor/server.ts'

/** How a request waits. */
export type RequestOptions = { timeoutMs?: number; signal?: AbortSignal }

/** How the supervisor is found. */
export type SupervisorOptions = {
  /** The program that is started when none runs; default dist/supervisor.js. */
  program?: string
  /** What this command speaks; default `protocolVersion`. */
  protocol?: number
}

const helloMs = 5000
const requestMs = 15_000
/** How long a supervisor may be between its claim and its socket, or between its last words and its end. */
const betweenMs = 10_000

/** A connection to the workspace's supervisor. */
export class SupervisorClient {
  readonly record: SupervisorRecord
  readonly #socket: Socket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #listeners = new Set<(record: ServiceRecord) => void>()
  #next = 1
  /** Resolves when the connection has ended, by whomever. */
  readonly closed: Promise<void>

  /** Takes a connected socket. */
  constructor(socket: Socket, record: SupervisorRecord) {
    this.record = record
    this.#socket = socket
    const take = lineSplitter((line) => this.#take(JSON.parse(line) as Answer | Event))
    socket.on('data', take)
    socket.on('error', () => socket.destroy())
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const [id, settle] of this.#waiting) settle({ id, ok: false, failure: connectionLost })
        this.#waiting.clear()
        resolve()
      })
    })
  }

  /**
   * Makes a request and waits for its answer. Failures: those of the request, `supervisor-silent` after the time (default 15 s),
   * `supervisor-connection-lost`, `aborted`. What a request that is given up has begun goes on.
   */
  async request<M extends Method>(
    method: M,
    params: Requests[M]['params'],
    options: RequestOptions = {},
  ): Promise<Result<Requests[M]['value']>> {
    const { timeoutMs = requestMs, signal } = options
    if (signal?.aborted) return failed(abortedRequest(method))
    if (this.#socket.destroyed) return failed(connectionLost)
    const id = this.#next++
    const answer = await new Promise<Answer>((resolve) => {
      const fail = (failure: Failure) => settle({ id, ok: false, failure })
      const timer = setTimeout(() => fail(supervisorSilent(this.record, timeoutMs)), timeoutMs)
      const abort = () => fail(abortedRequest(method))
      const settle = (answer: Answer) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#waiting.delete(id)
        resolve(answer)
      }
      this.#waiting.set(id, settle)
      signal?.addEventListener('abort', abort, { once: true })
      this.#socket.write(encode({ id, method, params } as Request))
    })
    return answer.ok ? ok(answer.value as Requests[M]['value']) : failed(answer.failure)
  }

  /** Asks for the records of an environment, and calls back for every change from then on until the connection is closed. */
  async subscribe(
    environment: string,
    onChange: (record: ServiceRecord) => void,
    options: RequestOptions = {},
  ): Promise<Result<ServiceRecord[]>> {
    this.#listeners.add(onChange)
    return this.request('subscribe', { environment }, options)
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy()
  }

  #take(message: Answer | Event): void {
    if ('event' in message) for (const listener of this.#listeners) listener(message.record)
    else this.#waiting.get(message.id)?.(message)
  }
}

/**
 * Connects to the workspace's supervisor; undefined when none runs. Failures: `supervisor-silent` (it lives and does not answer),
 * `supervisor-not-reachable` (another user's), `supervisor-newer`.
 */
export async function connectSupervisor(
  folder: string,
  options: SupervisorOptions = {},
): Promise<Result<SupervisorClient | undefined>> {
  const deadline = performance.now() + betweenMs
  for (;;) {
    const record = (await readJson(supervisorRecordPath(folder))) as SupervisorRecord | undefined
    if (record?.version !== 1 || !(await isAlive(record.identity))) {
      const elsewhere = record && (await holderElsewhere(folder))
      return elsewhere ? failed(supervisorElsewhere(elsewhere.host)) : ok(undefined)
    }
    const socket = await openSocket(record.socket)
    if (socket.ok) return greet(new SupervisorClient(socket.value, record), options.protocol ?? protocolVersion)
    const [{ code }] = socket.failures
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') return failed(notReachable(record, code))
    if (performance.now() > deadline) return failed(supervisorSilent(record, betweenMs))
    // It is about to end: its record goes a moment before its process.
    await pause(20)
  }
}

async function greet(client: SupervisorClient, protocol: number): Promise<Result<SupervisorClient | undefined>> {
  const hello = await client.request('hello', { protocol }, { timeoutMs: helloMs })
  if (hello.ok && hello.value.protocol <= protocol) return ok(client)
  client.close()
  if (hello.ok) return failed(newerSupervisor(client.record))
  if (hello.failures[0].code === 'supervisor-connection-lost') return ok(undefined)
  return hello
}

/** A supervisor, and what is to be said of how it came to be. */
export type EnsuredSupervisor = { client: SupervisorClient; notices: string[] }

/**
 * Connects to the workspace's supervisor, and starts it where none runs. Of several commands that do so at once all get the same one. What
 * a dead one has left is ended; an older version's is replaced, with its services. Notices say so.
 */
export async function ensureSupervisor(
  folder: string,
  options: SupervisorOptions = {},
): Promise<Result<EnsuredSupervisor>> {
  const notices: string[] = []
  const protocol = options.protocol ?? protocolVersion
  const deadline = performance.now() + 3 * betweenMs
  while (performance.now() < deadline) {
    const connected = await connectSupervisor(folder, options)
    if (!connected.ok) return connected
    const client = connected.value
    if (client && client.record.protocol >= protocol) return ok({ client, notices })
    if (client) return takeOver(client, folder, options)
    const launched = await launchSupervisor(folder, options.program ?? supervisorProgram())
    if (!launched.ok) return launched
    const greeting = launched.value
    if (greeting.kind === 'failed') return failed(greeting.failure)
    if (greeting.kind === 'elsewhere') return failed(supervisorElsewhere(greeting.host))
    if (greeting.kind === 'ready') notices.push(...greeting.recovered.map(recoveredText))
    // Another one was faster, and may be between its claim and its socket.
    else await pause(20)
  }
  return failed({
    code: 'supervisor-not-started',
    message: 'the supervisor of the local services starts and ends again and again',
    next: ['task doctor'],
  })
}

/** Lets an older supervisor stop what it has, and starts that again under a new one. */
async function takeOver(
  old: SupervisorClient,
  folder: string,
  options: SupervisorOptions,
): Promise<Result<EnsuredSupervisor>> {
  const surrendered = await old.request('surrender', {}, { timeoutMs: 120_000 })
  old.close()
  if (!surrendered.ok) return surrendered
  await hasEnded(old.record)
  const ensured = await ensureSupervisor(folder, options)
  if (!ensured.ok) return ensured
  const { client, notices } = ensured.value
  const names = surrendered.value.map(({ environment, service }) => `${service} (${environment})`)
  notices.push(
    `the supervisor was of an older version and was replaced${names.length > 0 ? `; started again: ${names.join(', ')}` : ''}`,
  )
  for (const request of surrendered.value) {
    const started = await client.request('start', request, { timeoutMs: 60_000 })
    if (!started.ok) notices.push(`${request.service} could not be started again: ${started.failures[0].message}`)
  }
  return ensured
}

/** Resolves when the supervisor's process is gone. Failure `supervisor-silent` when it does not go. */
export async function hasEnded(record: SupervisorRecord): Promise<Result<void>> {
  const deadline = performance.now() + betweenMs
  while (await isAlive(record.identity)) {
    if (performance.now() > deadline) return failed(supervisorSilent(record, betweenMs))
    await pause(10)
  }
  return ok(undefined)
}

/** Uses a connection and closes it. A supervisor that was about to end is replaced once. */
export async function withSupervisor<T>(
  folder: string,
  options: SupervisorOptions,
  use: (client: SupervisorClient, notices: string[]) => Promise<Result<T>>,
): Promise<Result<T>> {
  for (let attempt = 1; ; attempt++) {
    const ensured = await ensureSupervisor(folder, options)
    if (!ensured.ok) return ensured
    const { client, notices } = ensured.value
    try {
      const result = await use(client, notices)
      const ending = !result.ok && isEnding(result.failures[0])
      if (!ending || attempt === 3) return result
    } finally {
      client.close()
    }
    await hasEnded(client.record)
  }
}

/** Whether a request met a supervisor that was about to end. */
export const isEnding = ({ code }: Failure): boolean =>
  code === 'supervisor-ending' || code === 'supervisor-connection-lost'

function openSocket(path: string): Promise<Result<Socket>> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(ok(socket)))
    socket.once('error', (error) => resolve(failed({ code: errorCode(error) ?? 'unknown', message: error.message })))
  })
}

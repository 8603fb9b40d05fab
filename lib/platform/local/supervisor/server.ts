import { unlinkSync } from 'node:fs'
import { chmod, unlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { FailureError, unwrap } from '../../../model/failure.ts'
import { ensurePrivateFolder, writeFileAtomic } from '../../../system/files.ts'
import type { ProcessIdentity } from '../../../system/process-identity.ts'
import { isComparable, ownStanding } from '../lock-liveness.ts'
import { supervisorFolder, supervisorLogPath, supervisorRecordPath } from '../paths.ts'
import { beat, beatMs, type Claim, claimWorkspace, isCurrent } from './claim.ts'
import { LogWriter } from './log-writer.ts'
import { type Greeting, protocolVersion } from './protocol.ts'
import type { ServiceRecord } from './record.ts'
import { recover } from './recover.ts'
import { Registry } from './registry.ts'
import { type Answers, Session } from './session.ts'
import { prepareSocketFolder, socketPath } from './socket-path.ts'
import { StateWriter } from './state-file.ts'

/** Where a supervisor is, for commands: `.ops/supervisor/supervisor.json`. */
export type SupervisorRecord = {
  version: 1
  identity: ProcessIdentity
  generation: number
  socket: string
  protocol: number
  startedAt: string
}

/** How often a supervisor looks whether it still is the workspace's, and whether it is needed. */
const lookMs = 2000
/** How long a new supervisor waits for its first service. */
const firstServiceMs = 10_000

/**
 * The supervisor of a workspace, from its claim to its end. Resolves when it has nothing more to do; then nothing keeps its process alive.
 * `greet` is called once, when commands can reach it or when it is not to be.
 */
export async function runSupervisor(
  folder: string,
  greet: (greeting: Greeting) => void,
  protocol: number = protocolVersion,
): Promise<void> {
  await ensurePrivateFolder(supervisorFolder(folder))
  const standing = await ownStanding()
  const claimed = await claimWorkspace(folder, standing)
  if (!claimed.won) {
    const { holder } = claimed
    return greet(isComparable(standing, holder.standing) ? { kind: 'lost' } : { kind: 'elsewhere', host: holder.host })
  }
  const log = new LogWriter(supervisorLogPath(folder), { maxBytes: 1024 * 1024, files: 2 })
  log.note(`supervisor ${claimed.claim.generation} started, pid ${process.pid}`)
  const { records, recovered } = await recover(folder)
  const supervisor = new Supervisor(folder, claimed.claim, records, log, protocol)
  await supervisor.listen()
  greet({ kind: 'ready', recovered })
  await supervisor.ended
  await log.close()
}

class Supervisor {
  readonly ended: Promise<void>
  readonly #folder: string
  readonly #claim: Claim
  readonly #log: LogWriter
  readonly #protocol: number
  readonly #registry: Registry
  readonly #state: StateWriter
  readonly #server: Server
  readonly #socket: string
  readonly #sessions = new Set<Session>()
  readonly #begin = performance.now()
  readonly #resolveEnded: () => void
  #hadService = false
  #ending: Promise<void> | undefined
  #over = false

  constructor(folder: string, claim: Claim, past: ServiceRecord[], log: LogWriter, protocol: number) {
    this.#folder = folder
    this.#claim = claim
    this.#log = log
    this.#protocol = protocol
    this.#socket = socketPath(folder)
    let resolveEnded = () => {}
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve
    })
    this.#resolveEnded = resolveEnded
    this.#state = new StateWriter(folder, () => ({
      version: 1,
      supervisor: claim.identity,
      ended: this.#over,
      services: this.#registry.records(),
    }))
    this.#registry = new Registry(folder, past, (record) => this.#changed(record))
    this.#server = createServer((socket) => {
      const session = new Session(socket, this.#answers)
      this.#sessions.add(session)
      socket.on('close', () => {
        this.#sessions.delete(session)
        void this.#endIfIdle()
      })
    })
  }

  async listen(): Promise<void> {
    await prepareSocketFolder(this.#socket)
    // The claim is ours, so whoever listened there is dead.
    await unlink(this.#socket).catch(() => {})
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#socket, resolve)
    })
    await chmod(this.#socket, 0o600)
    this.#state.changed()
    await this.#state.flush()
    const record: SupervisorRecord = {
      version: 1,
      identity: this.#claim.identity,
      generation: this.#claim.generation,
      socket: this.#socket,
      protocol: this.#protocol,
      startedAt: new Date().toISOString(),
    }
    await writeFileAtomic(supervisorRecordPath(this.#folder), `${JSON.stringify(record)}\n`, { mode: 0o600 })
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => void this.#end(`it got ${signal}`))
    }
    process.on('SIGHUP', () => {})
    const look = setInterval(() => void this.#look(), lookMs)
    const beats = setInterval(() => void beat(this.#folder, this.#claim), beatMs)
    void this.ended.then(() => {
      clearInterval(look)
      clearInterval(beats)
    })
  }

  readonly #answers: Answers = {
    hello: async () => ({ protocol: this.#protocol, pid: process.pid }),
    start: async (request) => {
      this.#refuseWhenEnding()
      this.#hadService = true
      const record = unwrap(await this.#registry.start(request))
      await this.#state.flush()
      return record
    },
    stop: async ({ environment, service }) => {
      const stopped = await this.#registry.stop(environment, service)
      await this.#state.flush()
      const remaining = this.#registry.wanted
      return { ...stopped, remaining }
    },
    status: async ({ environment }) => this.#registry.records(environment),
    subscribe: async ({ environment }, session) => {
      session.subscribe(environment)
      return this.#registry.records(environment)
    },
    settle: async ({ environment, service, startedAt }) => {
      this.#registry.settle(environment, service, startedAt)
      return null
    },
    surrender: async () => {
      this.#refuseWhenEnding()
      const requests = this.#registry.requests()
      await this.#registry.stopAll()
      void this.#end('a newer version takes over')
      return requests
    },
    end: async () => {
      await this.#registry.stopAll()
      void this.#end('it was asked to end')
      return null
    },
  }

  #refuseWhenEnding(): void {
    if (!this.#ending) return
    throw new FailureError({ code: 'supervisor-ending', message: 'the supervisor is about to end' })
  }

  #changed(record: ServiceRecord): void {
    this.#state.changed()
    for (const session of this.#sessions) session.changed(record)
  }

  /** Ends when no service is wanted and no command is connected. */
  async #endIfIdle(): Promise<void> {
    if (this.#sessions.size > 0 || this.#registry.wanted > 0) return
    if (!this.#hadService && performance.now() - this.#begin < firstServiceMs) return
    await this.#end('no service is left')
  }

  async #look(): Promise<void> {
    // Its folder was removed, or another one took it for dead: nobody reaches it any more, and it must not keep ports and data.
    if (!(await isCurrent(this.#folder, this.#claim))) return this.#end('the workspace is no longer its own')
    await this.#endIfIdle()
  }

  #end(why: string): Promise<void> {
    this.#ending ??= this.#finish(why)
    return this.#ending
  }

  async #finish(why: string): Promise<void> {
    this.#log.note(`supervisor ${this.#claim.generation} ends: ${why}`)
    await this.#registry.stopAll()
    this.#over = true
    if (await isCurrent(this.#folder, this.#claim)) {
      this.#state.changed()
      // A full disk must not keep it alive: what it had is stopped, and the next one sees that.
      await this.#state.flush().catch(() => {})
      // Removed before it stops to listen: from here on a command starts a new supervisor.
      await unlink(supervisorRecordPath(this.#folder)).catch(() => {})
    }
    this.#server.close()
    try {
      unlinkSync(this.#socket)
    } catch {
      // Closing has removed it.
    }
    for (const session of this.#sessions) {
      if (session.open > 0) session.end()
      else session.destroy()
    }
    this.#resolveEnded()
  }
}

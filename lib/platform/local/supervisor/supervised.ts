import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import type { ExitStatus } from '../../../system/process-start.ts'
import { type RunningProcess, startProcess } from '../../../system/processes.ts'
import { type Attempt, watchHealth } from './health.ts'
import type { LogWriter } from './log-writer.ts'
import type { StartRequest } from './protocol.ts'
import { exitText, type ServiceRecord } from './record.ts'
import { afterExit, noExits, type RestartHistory, stableMs } from './restart.ts'

/** How often it is looked whether what a dead main process has left still lives. */
const survivorsMs = 2000
/** How long the output of a process that has ended may take to arrive; somebody else may hold its pipes open. */
const lastWordsMs = 1000

/** One service: its processes one after the other, by its restart policy, and what is known of it. */
export class Supervised {
  readonly request: StartRequest
  readonly #log: LogWriter
  readonly #onChange: (record: ServiceRecord) => void
  #record: ServiceRecord
  #running: RunningProcess | undefined
  #starting: Promise<Result<void>> | undefined
  #stopping: Promise<{ killed: boolean; left: number[] }> | undefined
  #restart: NodeJS.Timeout | undefined
  #exit: ServiceRecord['exit']
  #watch = new AbortController()
  #history: RestartHistory = noExits

  /** `onChange` is told of every change of the record. */
  constructor(request: StartRequest, log: LogWriter, onChange: (record: ServiceRecord) => void) {
    this.request = request
    this.#log = log
    this.#onChange = onChange
    const { environment, service, fingerprint, ports, release, engine, oneShot } = request
    const now = new Date().toISOString()
    this.#record = {
      environment,
      service,
      fingerprint,
      ports,
      ...(release !== undefined && { release }),
      ...(engine !== undefined && { engine }),
      oneShot,
      phase: 'starting',
      survivors: [],
      requestedAt: now,
      restarts: 0,
      crashLoop: false,
      health: 'unknown',
      settled: false,
      last_updated: now,
    }
  }

  /** What is known of it now. */
  get record(): ServiceRecord {
    return this.#record
  }

  /** Whether it is to run: it counts for the supervisor's own life. */
  get wanted(): boolean {
    return this.#record.phase !== 'stopped' && !(this.#record.phase === 'ended' && this.#record.survivors.length === 0)
  }

  /** Starts its process. The failure of the very first start is final; a later one counts as an exit. */
  async start(): Promise<Result<void>> {
    this.#starting = this.#spawn()
    const started = await this.#starting
    this.#starting = undefined
    if (!started.ok) this.#change({ phase: 'ended', reason: sentence(started.failures[0]) })
    return started
  }

  /** Ends it for good, with everything that it has started. Called again it waits for the same end. */
  stop(): Promise<{ killed: boolean; left: number[] }> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /** A gate has passed for the instance that started at that time. */
  settle(startedAt: string): void {
    if (this.#record.phase === 'up' && this.#record.startedAt === startedAt) this.#healthy()
  }

  async #spawn(): Promise<Result<void>> {
    const { argv, cwd, env, uid, gid, stopSignal, stopTarget, graceMs } = this.request
    const [stdout, stderr] = [this.#log.stream(), this.#log.stream()]
    const started = await startProcess({
      argv,
      cwd,
      env,
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      stdout: stdout.write,
      stderr: stderr.write,
      stopSignal,
      stopTarget,
      graceMs,
    })
    if (!started.ok) {
      this.#log.note(`could not be started: ${sentence(started.failures[0])}`)
      return failed(...started.failures)
    }
    const running = started.value
    const { identity, mark } = running
    const startedAt = new Date()
    this.#running = running
    this.#exit = undefined
    this.#log.note(`started, pid ${running.pid}`)
    const { reason: _, ...record } = this.#record
    this.#record = record
    this.#change({
      phase: this.#stopping !== undefined ? 'stopping' : 'up',
      group: { identity, mark, stopSignal, stopTarget, graceMs },
      survivors: [],
      startedAt: startedAt.toISOString(),
      health: 'unknown',
      settled: false,
      ...(this.#record.crashLoop && this.#record.exit && { reason: loopText(this.#record.exit) }),
    })
    const begin = performance.now()
    this.#watch = new AbortController()
    this.#watchInstance(startedAt.toISOString())
    void running.output
      .catch(() => {})
      .then(() => {
        stdout.end()
        stderr.end()
      })
    void running.exited.then((exit) => this.#exited(running, exit, performance.now() - begin))
    return ok(undefined)
  }

  #watchInstance(startedAt: string): void {
    const { health, target, oneShot } = this.request
    const { signal } = this.#watch
    if (this.#record.crashLoop) this.#when(stableMs, signal, () => this.#calm())
    if (oneShot) {
      this.#change({ settled: true })
      return
    }
    const isSame = () => !signal.aborted && this.#record.startedAt === startedAt
    void watchHealth(health, target, signal, (attempt) => {
      if (isSame()) this.#attempted(attempt)
    })
    this.#when(health.deadlineMs, signal, () => this.#change({ settled: true }))
  }

  /** Does something later, unless the instance has ended by then. */
  #when(ms: number, signal: AbortSignal, act: () => void): void {
    const timer = setTimeout(act, ms)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }

  /** It was stable: its crash loop is over. */
  #calm(): void {
    const { reason: _, ...record } = this.#record
    if (record.health !== 'unhealthy') this.#record = record
    this.#change({ crashLoop: false })
  }

  #attempted({ passed, message }: Attempt): void {
    const { health, reason, crashLoop } = this.#record
    if (passed) this.#healthy()
    else if (health !== 'unhealthy' || (reason !== message && !crashLoop))
      this.#change({ health: 'unhealthy', ...(!this.#record.crashLoop && { reason: message }) })
  }

  #healthy(): void {
    const { reason, ...record } = this.#record
    if (record.health === 'healthy' && record.settled && (reason === undefined || record.crashLoop)) return
    this.#record = record.crashLoop && reason !== undefined ? { ...record, reason } : record
    this.#change({ health: 'healthy', settled: true })
  }

  async #exited(running: RunningProcess, exit: ExitStatus, livedMs: number): Promise<void> {
    this.#watch.abort()
    const at = new Date().toISOString()
    this.#exit = { ...exit, at }
    if (this.#stopping !== undefined) return
    const survivors = (await running.members()).map(({ pid }) => pid)
    if (this.#stopping !== undefined) return
    // Its last words belong before its end, and whoever hears of the end will look for them.
    const quiet = pause(survivors.length === 0 ? lastWordsMs : 0)
    await Promise.race([running.output.catch(() => {}), quiet.done])
    quiet.cancel()
    const text = exitText(exit)
    this.#log.note(`its process ${text}`)
    await this.#log.flush()
    if (this.#stopping !== undefined) return
    const clean = exit.status === 0
    const policy = clean && this.request.oneShot ? 'never' : this.request.restart
    const decision = afterExit(this.#history, { now: performance.now(), livedMs, clean }, policy)
    this.#history = decision.history
    const common = { survivors, exit: this.#exit, crashLoop: decision.history.crashLoop, health: 'unknown' as const }
    if (decision.delayMs === undefined) {
      const left = survivors.length > 0 ? leftText(survivors.length) : ''
      const reason = clean && left === '' ? undefined : `its process ${text}${left}`
      this.#change({ ...common, phase: 'ended', ...(reason !== undefined && { reason }) })
      if (survivors.length > 0) this.#watchSurvivors(running)
      return
    }
    const reason = decision.history.crashLoop ? loopText(exit) : `its process ${text}, and is started again`
    this.#change({ ...common, phase: 'waiting', reason })
    // What it has left behind may hold its port.
    if (survivors.length > 0) await running.stop().catch(() => {})
    if (this.#stopping !== undefined) return
    this.#log.note(`starts again in ${decision.delayMs} ms`)
    this.#restart = setTimeout(() => void this.#startAgain(), decision.delayMs)
  }

  async #startAgain(): Promise<void> {
    if (this.#stopping !== undefined) return
    this.#change({ phase: 'starting', restarts: this.#record.restarts + 1, survivors: [] })
    const begin = performance.now()
    this.#starting = this.#spawn()
    const started = await this.#starting
    this.#starting = undefined
    if (started.ok || this.#stopping !== undefined) return
    const now = performance.now()
    const decision = afterExit(this.#history, { now, livedMs: now - begin, clean: false }, this.request.restart)
    this.#history = decision.history
    this.#change({ phase: 'waiting', crashLoop: decision.history.crashLoop, reason: sentence(started.failures[0]) })
    this.#restart = setTimeout(() => void this.#startAgain(), decision.delayMs)
  }

  #watchSurvivors(running: RunningProcess): void {
    this.#restart = setTimeout(async () => {
      const survivors = (await running.members()).map(({ pid }) => pid)
      if (this.#stopping !== undefined) return
      if (survivors.length !== this.#record.survivors.length) {
        const exit = this.#record.exit as NonNullable<ServiceRecord['exit']>
        const left = survivors.length > 0 ? leftText(survivors.length) : ''
        this.#change({ survivors, reason: `its process ${exitText(exit)}${left}` })
      }
      if (survivors.length > 0) this.#watchSurvivors(running)
    }, survivorsMs)
  }

  async #stop(): Promise<{ killed: boolean; left: number[] }> {
    clearTimeout(this.#restart)
    const alive = this.#running !== undefined || this.#starting !== undefined
    if (alive) this.#change({ phase: 'stopping' })
    await this.#starting
    this.#watch.abort()
    const ended = this.#running ? await this.#running.stop() : { killed: false, left: [] }
    const left = ended.left.map(({ pid }) => pid)
    if (alive) this.#log.note(ended.killed ? 'stopped, by KILL after its grace' : 'stopped')
    if (this.#running && left.length === 0) await this.#running.exited
    const exit = this.#exit
    const { reason: _, group, ...record } = this.#record
    this.#record = left.length > 0 && group ? { ...record, group } : record
    this.#change({
      phase: 'stopped',
      survivors: left,
      crashLoop: false,
      health: 'unknown',
      ...(exit && { exit }),
      ...(left.length > 0 && { reason: `could not be ended: pid ${left.join(', ')}` }),
    })
    await this.#log.flush()
    return { killed: ended.killed, left }
  }

  #change(change: Partial<ServiceRecord>): void {
    this.#record = { ...this.#record, ...change, last_updated: new Date().toISOString() }
    this.#onChange(this.#record)
  }
}

function pause(ms: number): { done: Promise<void>; cancel(): void } {
  let cancel = () => {}
  const done = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    cancel = () => {
      clearTimeout(timer)
      resolve()
    }
  })
  return { done, cancel }
}

const leftText = (count: number): string =>
  count === 1 ? ', but a process that it started still runs' : `, but ${count} processes that it started still run`

const loopText = (exit: { status: number; signal?: string }): string =>
  `it ends again and again (3 times within a minute); the last time it ${exitText(exit)}`

const sentence = ({ message, why }: Failure): string => (why === undefined ? message : `${message}: ${why}`)

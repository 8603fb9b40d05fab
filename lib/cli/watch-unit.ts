import { formatDuration } from '../model/duration.ts'
import type { WatchedChild } from '../system/watched-child.ts'
import { changedPaths, type Snapshot } from '../task/watch/inputs.ts'
import { OwnWrites } from '../task/watch/own-writes.ts'
import type { WatchUnit } from '../task/watch/plan.ts'

/** What a unit needs of the session. */
export type UnitHooks = {
  spawn(): WatchedChild
  snapshot(): Snapshot
  say(text: string): void
  shown(paths: readonly string[]): string
  clear(): void
}

/** `isOver`: it has exited, and nobody has looked at its inputs since. */
type Run = { child: WatchedChild; began: number; isOver: boolean }

/** One unit of what is watched: its run, and the inputs that this run began with. One run has ended before the next one begins. */
export class UnitRunner {
  readonly unit: WatchUnit
  readonly #hooks: UnitHooks
  readonly #own = new OwnWrites()
  #seen: Snapshot
  #run: Run | undefined
  #isOver = false
  /** One thing after the other: looking, ending, beginning. */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(unit: WatchUnit, hooks: UnitHooks) {
    this.unit = unit
    this.#hooks = hooks
    this.#seen = hooks.snapshot()
  }

  /** The inputs that the last run began with. */
  get seen(): Snapshot {
    return this.#seen
  }

  /** Begins a run. */
  start(): void {
    if (this.#isOver) return
    const run: Run = { child: this.#hooks.spawn(), began: performance.now(), isOver: false }
    this.#run = run
    void run.child.exited.then(() => {
      run.isOver = true
      return this.#serially(() => this.#settle(run))
    })
  }

  /** Looks at the inputs, and runs again if they have changed. */
  look(): Promise<void> {
    return this.#serially(() => this.#look())
  }

  /** Ends for good. */
  async end(): Promise<void> {
    this.#isOver = true
    // At once, and not behind what is being done.
    await this.#run?.child.end()
    await this.#serially(() => this.#stop())
  }

  #serially(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work, work)
    this.#queue = done
    return done
  }

  async #look(): Promise<void> {
    const run = this.#run
    // What changed while a run went on that is over is looked at by #settle.
    if (this.#isOver || run?.isOver) return
    const now = this.#hooks.snapshot()
    const paths = changedPaths(this.#seen, now)
    if (paths.length === 0) return
    if (!run) this.#own.forget()
    else if (this.#isOwn(paths, now, performance.now() - run.began, false)) return
    await this.#again(paths)
  }

  /** A run has ended by itself: what has changed since it began was edited meanwhile, or is its own doing. */
  async #settle(run: Run): Promise<void> {
    if (this.#isOver || this.#run !== run) return
    this.#run = undefined
    const took = performance.now() - run.began
    const now = this.#hooks.snapshot()
    const paths = changedPaths(this.#seen, now)
    if (paths.length === 0) this.#own.forget()
    const again = paths.length > 0 && !this.#isOwn(paths, now, took, true)
    const { exitCode, signalCode } = run.child.child
    const how = exitCode === 0 ? 'done' : exitCode === null ? `ended by ${signalCode}` : `ended with status ${exitCode}`
    this.#hooks.say(`${how} (${formatDuration(took)})${again ? '' : '; waiting for changes'}`)
    if (again) await this.#again(paths)
  }

  async #again(paths: readonly string[]): Promise<void> {
    await this.#stop()
    if (this.#isOver) return
    // What the run that was ended has still written, and what was edited meanwhile, is what the next one begins with.
    this.#seen = this.#hooks.snapshot()
    this.#hooks.clear()
    this.#hooks.say(`${this.#hooks.shown(paths)} changed; ${this.unit.persistent ? 'starting' : 'running'} again`)
    this.start()
  }

  /** Whether a change during a run is the task's own doing; then the inputs count as they are now. */
  #isOwn(paths: readonly string[], now: Snapshot, offset: number, ended: boolean): boolean {
    const doing = this.#own.during(paths, offset, ended)
    if (doing === 'edit') return false
    this.#seen = now
    if (doing === 'own') {
      const { say, shown } = this.#hooks
      say(
        `${shown(paths)} changed whenever ${this.unit.label} ran: taken for its own doing, and no reason to run again`,
      )
    }
    return true
  }

  async #stop(): Promise<void> {
    const run = this.#run
    this.#run = undefined
    if (!run) return
    await run.child.end()
    await run.child.exited
  }
}

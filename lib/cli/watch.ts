import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { failuresText } from '../log/failure-text.ts'
import { paint } from '../log/paint.ts'
import { type Failure, FailureError } from '../model/failure.ts'
import { onTermination } from '../system/signals.ts'
import { spawnWatched, type WatchedChild } from '../system/watched-child.ts'
import { bundledFiles } from '../task/bundle-cache.ts'
import { packageRoot } from '../task/find.ts'
import { StatCache, statCachePath } from '../task/fingerprint/stat-cache.ts'
import { foldersOf } from '../task/watch/folders.ts'
import { changedPaths, type FileSet, type Snapshot, snapshotOf, takeSnapshot } from '../task/watch/inputs.ts'
import type { WatchUnit } from '../task/watch/plan.ts'
import { roleVariable, type WatchRole } from '../task/watch/role.ts'
import { Watcher } from '../task/watch/watcher.ts'
import type { Ending } from './report.ts'
import type { Streams } from './terminal.ts'
import { UnitRunner } from './watch-unit.ts'

/** What watching takes. */
export type WatchOptions = {
  taskfile: string
  /** The words of the command line; each run has the same ones. */
  argv: readonly string[]
  streams: Streams
  color: boolean
  /** Look now and then instead of being told. */
  poll: boolean
}

/** From TERM to KILL of a run, in milliseconds: a bit more than it gives its own commands. */
const graceMs = 15_000

/**
 * Runs tasks again whenever their inputs change. Each run is a process of its own: it begins with the Taskfile as it is then, and leaves nothing
 * behind. Ends with a signal, or when the command line itself is wrong.
 */
export async function watchTasks(options: WatchOptions): Promise<Ending> {
  const termination = onTermination()
  const session = new WatchSession(options, termination.signal)
  try {
    return await session.run()
  } finally {
    termination.dispose()
  }
}

const notWatched: Failure = {
  code: 'not-watched',
  message: '--watch is for tasks that run; nothing ran here',
  why: 'with --dry-run, --help, and words of task itself there is nothing to run again',
  outcome: 'usage',
}

const unreadable = (error: unknown): Failure => ({
  code: 'inputs-unreadable',
  message: 'the inputs cannot be read',
  why: error instanceof Error ? error.message : String(error),
  outcome: 'unchanged',
})

class WatchSession {
  readonly #options: WatchOptions
  readonly #signal: AbortSignal
  readonly #cache: StatCache
  readonly #watcher: Watcher
  #units: UnitRunner[] = []
  #bundle: Snapshot = new Map()
  #first = true
  #isLoading = false
  /** The Taskfile could not be read: any source may be what it lacks. */
  #broken = false
  #finish: (ending: Ending) => void = () => {}

  constructor(options: WatchOptions, signal: AbortSignal) {
    this.#options = options
    this.#cache = new StatCache(statCachePath(dirname(options.taskfile)))
    this.#signal = signal
    this.#watcher = new Watcher({
      poll: options.poll,
      onHint: () => this.#look(),
      onFallback: (why) => this.say(`${why}: looking every now and then instead, as --poll does`),
    })
  }

  /** Resolves when it is told to end, and everything has. */
  async run(): Promise<Ending> {
    const ended = new Promise<Ending>((resolve) => {
      this.#finish = resolve
    })
    const stop = () => {
      const { signal, exitCode } = this.#signal.reason as { signal: string; exitCode: number }
      const outcome = ({ SIGHUP: 'hangup', SIGINT: 'interrupted', SIGTERM: 'terminated' } as const)[signal] ?? 'failed'
      this.#finish({ outcome, exitCode })
    }
    if (this.#signal.aborted) stop()
    this.#signal.addEventListener('abort', stop, { once: true })
    const loaded = this.#load()
    const ending = await ended
    this.#watcher.close()
    await loaded
    await Promise.all(this.#units.map((unit) => unit.end()))
    return ending
  }

  /** A line of its own on stderr. */
  say(text: string): void {
    this.#options.streams.write(process.stderr, `${paint(`watch: ${text}`, 'dim', this.#options.color)}\n`)
  }

  /** Reads the Taskfile (anew) in a process of its own, and starts everything. */
  async #load(): Promise<void> {
    this.#isLoading = true
    const isFirst = this.#first
    try {
      await this.#loadNow()
    } catch (error) {
      // Patterns that are none, files that nobody may read.
      const failures = error instanceof FailureError ? error.failures : [unreadable(error)]
      if (isFirst) this.#finish({ outcome: 'unchanged', failures })
      else this.#options.streams.write(process.stderr, failuresText(failures, { folder: process.cwd() }))
    } finally {
      this.#isLoading = false
      // What has happened meanwhile.
      this.#watcher.hint()
    }
  }

  async #loadNow(): Promise<void> {
    const before = this.#bundleNow()
    const read = await this.#plan()
    if (this.#signal.aborted) return
    const first = this.#first
    this.#first = false
    if (read.units === undefined && first && (read.refused || read.status === 2)) {
      this.#finish({ outcome: read.status === 2 ? 'usage' : 'unchanged', exitCode: read.status })
      return
    }
    if (read.units === undefined && read.status === 0) {
      this.#finish({ outcome: 'usage', failures: [notWatched] })
      return
    }
    this.#broken = read.units === undefined
    // What was changed while it was read is a change.
    this.#bundle = new Map([...this.#bundleNow()].map(([path, hash]) => [path, before.get(path) ?? hash]))
    this.#units = (read.units ?? []).map((unit, index, all) => this.#runner(unit, index, all.length))
    this.#watchFolders()
    if (read.units) this.say(`${this.#counted()}; Ctrl-C ends`)
    else this.say('waiting for a change of the Taskfile')
    for (const unit of this.#units) unit.start()
  }

  #runner(unit: WatchUnit, index: number, count: number): UnitRunner {
    const name = count > 1 ? unit.label : undefined
    return new UnitRunner(unit, {
      spawn: () => this.#spawn({ kind: 'run', unit: index }),
      snapshot: () => takeSnapshot(unit.inputs, unit.outputs, this.#cache),
      say: (text) => this.say(name === undefined ? text : `${name}: ${text}`),
      shown: (paths) => this.#shown(paths),
      clear: () => this.#clear(count),
    })
  }

  async #plan(): Promise<{ units?: WatchUnit[]; refused: boolean; status: number }> {
    const cache = join(dirname(this.#options.taskfile), '.ops', 'cache')
    mkdirSync(cache, { recursive: true })
    const folder = mkdtempSync(join(cache, 'watch-'))
    const file = join(folder, 'plan.json')
    const stop = () => void child.end()
    const child = this.#spawn({ kind: 'plan', file })
    this.#signal.addEventListener('abort', stop, { once: true })
    try {
      await child.exited
      const status = child.child.exitCode ?? 1
      const { units } = JSON.parse(readFileSync(file, 'utf8')) as { units?: WatchUnit[] }
      return units && status === 0 ? { units, refused: false, status } : { refused: true, status }
    } catch {
      return { refused: false, status: child.child.exitCode ?? 1 }
    } finally {
      this.#signal.removeEventListener('abort', stop)
      rmSync(folder, { recursive: true, force: true })
    }
  }

  #spawn(role: WatchRole): WatchedChild {
    const program = join(packageRoot(), 'bin', 'task')
    return spawnWatched(process.execPath, [...process.execArgv, program, ...this.#options.argv], {
      env: { ...(process.env as Record<string, string>), ...roleVariable(role) },
      stdio: ['ignore', 'inherit', 'inherit'],
      graceMs,
    })
  }

  /** Something may have happened. */
  async #look(): Promise<void> {
    try {
      await this.#lookNow()
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error))
    }
  }

  async #lookNow(): Promise<void> {
    if (this.#signal.aborted || this.#isLoading) return
    // Folders that have appeared are watched first: what happens in them from here on is told, what has happened is seen now.
    while (this.#watchFolders());
    const changed = changedPaths(this.#bundle, this.#bundleNow())
    if (changed.length > 0) {
      this.say(`${this.#shown(changed)} changed; reading the Taskfile again`)
      await Promise.all(this.#units.map((unit) => unit.end()))
      await this.#load()
      return
    }
    await Promise.all(this.#units.map((unit) => unit.look()))
  }

  #watchFolders(): boolean {
    const sets: FileSet[] = this.#units.flatMap(({ unit }) => unit.inputs)
    const folders = foldersOf(sets)
    for (const path of this.#bundlePaths()) folders.add(dirname(path))
    if (this.#broken) for (const folder of foldersOf([this.#sources()])) folders.add(folder)
    return this.#watcher.set(folders)
  }

  #bundlePaths(): string[] {
    const { taskfile } = this.#options
    return [...new Set([taskfile, ...bundledFiles(taskfile)])]
  }

  #bundleNow(): Snapshot {
    const sources = this.#broken ? takeSnapshot([this.#sources()], [], this.#cache).keys() : []
    return snapshotOf([...new Set([...this.#bundlePaths(), ...sources])], this.#cache)
  }

  #sources(): FileSet {
    return { folder: dirname(this.#options.taskfile), patterns: ['**/*.{ts,mts,cts,tsx,js,mjs,cjs,jsx,json}'] }
  }

  #counted(): string {
    const count = new Set(this.#units.flatMap((unit) => [...unit.seen.keys()])).size
    return count === 0 ? 'watching the Taskfile' : `watching ${count} ${count === 1 ? 'file' : 'files'}`
  }

  /** Up to three paths, relative to where the user stands. */
  #shown(paths: readonly string[]): string {
    const names = paths.slice(0, 3).map((path) => relative(process.cwd(), path))
    return paths.length > 3 ? `${names.join(', ')} and ${paths.length - 3} more` : names.join(', ')
  }

  /** A terminal begins anew with each run, if all of it is this run's. */
  #clear(count: number): void {
    if (count === 1 && process.stdout.isTTY && process.stderr.isTTY && process.env.TERM !== 'dumb') {
      this.#options.streams.write(process.stdout, '\u001B[2J\u001B[H')
    }
  }
}

/*
 * One run at a time of a task with the same arguments, over all invocations. A lock is a file `<record>.lock.<n>` that names its holder by pid,
 * start time and boot, so that it ends with its holder, however that ends: nothing has to be cleaned up by hand, and no pid that was given to
 * another process holds it. The one with the highest number counts. Who finds its holder gone, or that it was given back, makes the next number
 * (link(2) gives it to exactly one), and looks once more whether somebody was already further. A number is only removed when a higher one is there,
 * so nobody can take one that was had before.
 */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FailureError } from '../../model/failure.ts'
import { findByEnvironment, isAlive, ownIdentity, type ProcessIdentity } from '../../system/process-identity.ts'

/** The environment variable by which what a task's run has started is found; its value is the mark of the run's lock. */
export const taskMark = 'VITAL_OPS_TASK'

/** Who holds a lock. `mark` is carried by all processes that it has started. */
type Holder = ProcessIdentity & { mark: string }

/** How long what a dead holder has started may take to end, in milliseconds: its watchdog ends it, with KILL after five seconds. */
const orphansMs = 30_000

/** How long to wait between two looks, in milliseconds. */
const firstPause = 10
const longestPause = 200

/** How a lock is waited for. */
export type LockOptions = {
  /** The task's name, for people. */
  name: string
  /** What the processes that are started under the lock carry. */
  mark: string
  /** The own environment: a task that is run by itself would wait for ever. */
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal
  /** Told once, when somebody else has it. */
  onWait(holder: { pid: number }): void
}

/** A lock that is held. */
export type HeldLock = {
  /** Somebody else had it first. */
  waited: boolean
  release(): void
}

/**
 * Takes the lock of a record's path; waits while a living process has it, and until all that a dead one has started is gone. Rejects with the
 * signal's reason, and with a `FailureError` where the lock is held by a run that has started this very process.
 */
export async function lock(path: string, options: LockOptions): Promise<HeldLock> {
  const { mark, env, signal, onWait } = options
  // Not Node's promises: threads are started for the first of them, which takes longer than all of this.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const own: Holder = { ...(await ownIdentity()), mark }
  let waited = false
  for (let pause = firstPause; ; pause = Math.min(pause * 1.5, longestPause)) {
    signal.throwIfAborted()
    const number = highest(path)
    const holder = number === 0 ? undefined : readHolder(`${path}.lock.${number}`)
    if (holder === undefined || !(await isAlive(holder))) {
      if (holder) await orphansGone(holder.mark, signal)
      const release = take(path, number + 1, own)
      if (release) return { waited, release }
      continue
    }
    if (env[taskMark]?.split(':').includes(holder.mark)) throw new FailureError(withinItself(options))
    if (!waited) onWait(holder)
    waited = true
    await sleep(pause, undefined, { signal }).catch(() => {})
  }
}

/** Waits until nothing lives any more that a dead run has started; it may still write. */
async function orphansGone(mark: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + orphansMs
  while (performance.now() < until && (await findByEnvironment(taskMark, mark)).length > 0) {
    signal.throwIfAborted()
    await sleep(20)
  }
}

const withinItself = ({ name }: LockOptions) => ({
  code: 'task-within-itself',
  message: `task ${name} was run by a command of its own run, which it would wait for`,
  outcome: 'failed' as const,
})

/** The number of the lock that counts; 0 for none. */
function highest(path: string): number {
  const begin = `${basename(path)}.lock.`
  let number = 0
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(begin)) continue
    const found = Number(name.slice(begin.length))
    if (Number.isSafeInteger(found) && found > number) number = found
  }
  return number
}

/** The holder that a lock names; undefined when it was given back, or is gone. */
function readHolder(file: string): Holder | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    return text === '' ? undefined : (JSON.parse(text) as Holder)
  } catch (error) {
    // A higher number has come meanwhile, or a power cut has left nothing of it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

let count = 0

/** Makes the lock of this number; undefined when somebody else was faster. */
function take(path: string, number: number, own: Holder): (() => void) | undefined {
  count += 1
  const temporary = `${path}.lock-${own.pid}-${count}`
  const file = `${path}.lock.${number}`
  writeFileSync(temporary, JSON.stringify(own), { mode: 0o600 })
  try {
    linkSync(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
  if (highest(path) !== number) {
    rmSync(file, { force: true })
    return undefined
  }
  for (const name of readdirSync(dirname(path))) {
    const lower = /^(.+)\.lock\.(\d+)$/.exec(name)
    if (lower?.[1] === basename(path) && Number(lower[2]) < number) rmSync(join(dirname(path), name), { force: true })
  }
  return () => {
    // Emptied, and not removed: the number is not to be had again.
    writeFileSync(temporary, '')
    renameSync(temporary, file)
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { descriptorOf, writeNow } from './pipe-write.ts'
import { watchdogScript } from './watchdog-script.ts'

/** A process group that is not to outlive this process. */
export type WatchedGroup = {
  /** The group's id: its leader's pid. */
  group: number
  /** The leader's start time, so that a later process with that pid is never touched. */
  startTime: string
  /** The value of VITAL_OPS_GROUP in the environment of the group's processes. */
  mark: string
  /** The first signal. */
  signal: NodeJS.Signals
  /** How long after it KILL comes. */
  graceMs: number
  /** Who gets the first signal: everyone, or the leader alone (for servers that end their own children, like PostgreSQL). */
  target: 'group' | 'leader'
}

/**
 * Sees to it that nothing outlives this process, even when that is ended by `kill -9`: a shell in a session of its own that reads
 * from a pipe which groups there are, and ends those that are left when the pipe closes (watchdog-script.ts). It starts with the
 * first group, does not keep this process alive, and is replaced when somebody kills it.
 */
export class Watchdog {
  readonly #groups = new Map<number, WatchedGroup>()
  #shell: ChildProcess | undefined

  /** The shell's pid; undefined while there is none. */
  get pid(): number | undefined {
    return this.#shell?.pid
  }

  /** What is watched now. */
  groups(): WatchedGroup[] {
    return [...this.#groups.values()]
  }

  /** Watches a group. Once this resolves, the group ends with this process, whatever becomes of it. */
  async add(watched: WatchedGroup): Promise<void> {
    this.#groups.set(watched.group, watched)
    // A watchdog that was killed in this very moment is replaced, and told of every group.
    for (let attempt = 1; ; attempt++) {
      const shell = this.#shell ?? this.#start()
      try {
        await write(shell, addLine(watched))
        return
      } catch (error) {
        if (this.#shell === shell) this.#shell = undefined
        if (attempt === 3) {
          this.#groups.delete(watched.group)
          throw new Error('the watchdog (/bin/sh) does not stay alive', { cause: error })
        }
      }
    }
  }

  /** Forgets a group, which must have ended: its id may be another's soon. */
  delete(group: number): void {
    if (!this.#groups.delete(group) || this.#shell === undefined) return
    write(this.#shell, `del ${group}\n`).catch(() => {})
  }

  /** The descriptor of the pipe, for a child that says of itself what is to be watched; undefined where there is none. */
  descriptor(): number | undefined {
    const shell = this.#shell ?? this.#start()
    return descriptorOf(shell.stdin)
  }

  /** Forgets a group that has said of itself that it is to be watched. */
  forget(group: number): void {
    if (this.#shell !== undefined) write(this.#shell, `del ${group}\n`).catch(() => {})
  }

  /** Closes the pipe, as the end of this process would: the groups that are still watched are ended. */
  close(): void {
    const shell = this.#shell
    this.#shell = undefined
    this.#groups.clear()
    shell?.stdin?.end()
  }

  #start(): ChildProcess {
    const shell = spawn('/bin/sh', ['-c', watchdogScript, 'vital-ops-watchdog'], {
      // Its own session: no signal to this process's group, and no hangup of its terminal, reaches it.
      detached: true,
      cwd: '/',
      // No marks: a runner around this one must not end it before it has done its work.
      env: { PATH: `${process.env.PATH ?? ''}:/usr/bin:/bin`, LC_ALL: 'C' },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#shell = shell
    shell.stdin?.on('error', () => {})
    shell.on('error', () => this.#lost(shell))
    shell.on('exit', () => this.#lost(shell))
    shell.unref()
    // The pipe is a socket to Node, and would keep this process alive too.
    ;(shell.stdin as unknown as { unref(): void } | null)?.unref()
    for (const watched of this.#groups.values()) write(shell, addLine(watched)).catch(() => {})
    return shell
  }

  #lost(shell: ChildProcess): void {
    if (this.#shell !== shell) return
    this.#shell = undefined
    if (this.#groups.size > 0 && shell.pid !== undefined) this.#start()
  }
}

function addLine(watched: WatchedGroup): string {
  const { group, mark, signal, graceMs, target } = watched
  const start = /^\d+$/.test(watched.startTime) ? watched.startTime : '-'
  return `add ${group}:${start}:${mark}:${signal.slice('SIG'.length)}:${Math.ceil(graceMs / 100)}:${target}\n`
}

/** Resolves when the line is with the kernel: what was written to a pipe is read even if its writer dies the next moment. */
function write(shell: ChildProcess, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const pipe = shell.stdin
    if (!pipe || pipe.destroyed || shell.pid === undefined) return reject(new Error('the watchdog has ended'))
    // Throwing rejects.
    if (writeNow(pipe, line)) return resolve()
    pipe.write(line, (error) => (error ? reject(error) : resolve()))
  })
}

let own: Watchdog | undefined

/** This process's watchdog. */
export function runnerWatchdog(): Watchdog {
  own ??= new Watchdog()
  return own
}

/** Sends KILL to every group that this process still has, at once and without waiting: the last act before it ends itself. */
export function killEveryGroupNow(): void {
  for (const { group } of own?.groups() ?? []) signalGroup(group, 'SIGKILL')
}

/** Sends a signal (0: none, only asks) to a process group; false if nobody is in it. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal)
    return true
  } catch {
    return false
  }
}

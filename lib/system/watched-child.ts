import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { gated, gateWord } from './gate.ts'
import { type Ended, endGroup, type GroupScope } from './groups.ts'
import { type Environment, groupMark, newMark, withMark } from './marks.ts'
import { writeNow } from './pipe-write.ts'
import { readProcess } from './process-table.ts'
import { runnerWatchdog, signalGroup } from './watchdog.ts'

/** How a child is spawned. */
export type WatchedOptions = {
  cwd?: string | undefined
  env: Environment
  /** For descriptors 0 to 2. */
  stdio: StdioOptions
  /** From TERM to KILL when it is ended, in milliseconds. */
  graceMs: number
  /** The program waits for the gate by itself: it is a shell, and its text begins with `gatePrefix`. */
  waitsItself?: boolean
  /** It has the terminal: it is in this process's session and group, where it may read from it; its processes are found by their mark. */
  foreground?: boolean
}

/** A child that leads a process group of its own (but for one in the foreground) and cannot outlive this process. */
export type WatchedChild = {
  child: ChildProcess
  /** Resolves when the leader has exited or could not be spawned. */
  exited: Promise<void>
  /** Ends the group with all that came out of it, and resolves when that is gone. Called again it waits for the same end. */
  end(): Promise<Ended>
}

/**
 * Spawns a program as `node:child_process` does, for libraries that want its `ChildProcess` at once (zx); `startProcess` and
 * `runCommand` are the way for all else. The program begins when the watchdog knows its group, and not at all if `end` was
 * called before.
 * @param program an absolute path
 */
export function spawnWatched(program: string, args: readonly string[], options: WatchedOptions): WatchedChild {
  const { cwd, stdio, graceMs, foreground = false } = options
  const mark = newMark()
  const env = withMark(options.env, groupMark, mark)
  const own = typeof stdio === 'string' ? [stdio, stdio, stdio] : [...stdio].slice(0, 3)
  const [file, words] = options.waitsItself ? [program, args] : gated(program, args, env)
  const child = spawn(file, words, { cwd, env, detached: !foreground, stdio: [...own, 'pipe'] })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const { pid } = child
  if (pid === undefined) return { child, exited, end: async () => ({ killed: false, left: [] }) }
  const scope: GroupScope = { group: pid, mark }
  const gate = child.stdio[3] as Writable
  gate.on('error', () => {})
  let ending: Promise<Ended> | undefined
  const end = async (): Promise<Ended> => {
    gate.destroy()
    const ended = await endGroup(scope, { graceMs })
    if (ended.left.length === 0) runnerWatchdog().delete(pid)
    return ended
  }
  const open = async (): Promise<void> => {
    const entry = await readProcess(pid)
    if (entry === undefined || entry.zombie) return
    const { startTime } = entry
    scope.since = startTime
    // Where there is no /proc, the watchdog finds nobody by a mark.
    const target = foreground && process.platform !== 'linux' ? 'leader' : 'group'
    await runnerWatchdog().add({ group: pid, startTime, mark, signal: 'SIGTERM', graceMs, target })
    if (ending !== undefined) return
    if (writeNow(gate, gateWord)) gate.destroy()
    else gate.end(gateWord)
  }
  open().catch((error: Error) => gate.destroy(error))
  void exited.then(() => {
    // What a foreground program leaves behind is of no group that could be asked for.
    if (ending === undefined && !foreground && !signalGroup(pid, 0)) runnerWatchdog().delete(pid)
  })
  return {
    child,
    exited,
    end() {
      ending ??= end()
      return ending
    },
  }
}

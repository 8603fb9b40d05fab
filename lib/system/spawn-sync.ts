import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { type Environment, groupMark, newMark, withMark } from './marks.ts'
import { runnerWatchdog } from './watchdog.ts'

/** How a shell's text is run while everything waits for it. */
export type SyncOptions = {
  cwd: string
  env: Environment
  /** For descriptors 0 to 2. */
  stdio: readonly ('pipe' | 'inherit' | 'ignore' | number | null | undefined)[]
  input?: string | Uint8Array
  /** Milliseconds; undefined or 0 for none. */
  timeout?: number
}

/** What it gave, and the mark that all carry that it has started. */
export type SyncEnd = SpawnSyncReturns<Buffer> & { mark: string }

/**
 * Runs a text in a shell, and nothing else in this process, until it has ended. It is in this process's group, so that Ctrl-C on the terminal reaches
 * it; the watchdog hears of it from the shell itself, since nobody here could say it.
 */
export function runSync(shell: string, options: readonly string[], text: string, own: SyncOptions): SyncEnd {
  const { cwd, env, stdio, input, timeout } = own
  const mark = newMark()
  const pipe = runnerWatchdog().descriptor()
  const isLinux = process.platform === 'linux'
  const told =
    pipe === undefined
      ? ''
      : `printf 'add %s:-:${mark}:TERM:50:${isLinux ? 'group' : 'leader'}\\n' "$$" >&3; exec 3>&-; `
  const ended = spawnSync(shell, [...options, '-c', told + text], {
    cwd,
    env: withMark(env, groupMark, mark),
    stdio: [...stdio, ...(pipe === undefined ? [] : [pipe])] as never,
    maxBuffer: Number.POSITIVE_INFINITY,
    ...(input === undefined ? {} : { input }),
    ...(timeout ? { timeout } : {}),
  })
  runnerWatchdog().forget(ended.pid)
  return { ...ended, mark }
}

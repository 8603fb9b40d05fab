import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { failed, ok, type Result } from '../model/failure.ts'
import { errorCode, fileFailure } from './files.ts'
import { withoutMarks } from './marks.ts'
import { identify, type ProcessIdentity } from './process-identity.ts'
import { notStarted, prepareStart } from './process-start.ts'

/** What to start as a daemon. */
export type DaemonOptions = {
  argv: readonly [string, ...string[]]
  cwd?: string
  /** The whole environment (default: this process's); marks are taken out, so that no recovery ends the daemon. */
  env?: NodeJS.ProcessEnv
  /** The file that its stdout and stderr are appended to (made with mode 0600). */
  log: string
}

/**
 * Starts a process that is to outlive this one, in a session of its own: no watchdog, no mark, no pipe to here. Whoever starts it
 * finds out by its own means whether it came up. Failures as with `startProcess`. Node's spawn, because nothing but the start is wanted.
 */
export async function startDaemon(options: DaemonOptions): Promise<Result<ProcessIdentity>> {
  const { argv, log } = options
  const prepared = prepareStart(argv, options)
  if (!prepared.ok) return prepared
  const { program, cwd, env } = prepared.value
  let output: number
  try {
    output = openSync(log, 'a', 0o600)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return failed(fileFailure(error, 'opened', log))
  }
  try {
    const child = spawn(program, argv.slice(1), {
      cwd,
      env: withoutMarks(env),
      detached: true,
      stdio: ['ignore', output, output],
    })
    const error = await new Promise<Error | undefined>((resolve) => {
      child.once('spawn', () => resolve(undefined))
      child.once('error', resolve)
    })
    if (error) return failed(notStarted(argv[0], error.message))
    child.unref()
    const identity = await identify(child.pid as number)
    return identity ? ok(identity) : failed(notStarted(argv[0], `it ended at once; see ${log}`))
  } finally {
    closeSync(output)
  }
}

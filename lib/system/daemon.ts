import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { errorCode, fileFailure } from './files.ts'
import { withoutMarks } from './marks.ts'

/** A program that is to outlive this process. */
export type DaemonOptions = {
  argv: readonly [string, ...string[]]
  /** The whole environment; marks are taken out of it, since whoever looks for a mark would end it. */
  env: Record<string, string>
  /** Takes what it writes to its standard error; made with mode 0600. */
  log: string
  /** How long its greeting may take, in milliseconds. */
  timeoutMs: number
}

/**
 * Starts a program in a session of its own, with `/` as its folder and no connection to the terminal, and waits for its greeting: one line that it
 * writes to descriptor 3. Gives the line; undefined when it ended, or closed the descriptor, without one. Failures:
 * `daemon-not-started`, `daemon-silent`, those of opening the log.
 *
 * Node's spawn: execa ties a child to its parent, and this one lives on without it.
 */
export async function startDaemon(options: DaemonOptions): Promise<Result<string | undefined>> {
  const { argv, env, timeoutMs } = options
  const [program, ...args] = argv
  let log: number
  try {
    log = openSync(options.log, 'a', 0o600)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return failed(fileFailure(error, 'opened', options.log))
  }
  const child = spawn(program, args, {
    cwd: '/',
    env: withoutMarks(env),
    detached: true,
    stdio: ['ignore', 'ignore', log, 'pipe'],
  })
  closeSync(log)
  child.unref()
  const pipe = child.stdio[3] as Readable
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve) => {
      let text = ''
      timer = setTimeout(() => resolve(failed(silent(program, timeoutMs))), timeoutMs)
      child.once('error', (error) => resolve(failed(notStarted(program, error.message))))
      pipe.setEncoding('utf8')
      pipe.on('data', (chunk: string) => {
        text += chunk
        const end = text.indexOf('\n')
        if (end >= 0) resolve(ok(text.slice(0, end)))
      })
      pipe.once('close', () => resolve(ok(undefined)))
      pipe.on('error', () => {})
    })
  } finally {
    clearTimeout(timer)
    pipe.destroy()
  }
}

const notStarted = (program: string, why: string): Failure => ({
  code: 'daemon-not-started',
  message: `${program} could not be started`,
  why,
})

const silent = (program: string, ms: number): Failure => ({
  code: 'daemon-silent',
  message: `${program} was started, but has not said for ${ms / 1000}s that it is ready`,
})

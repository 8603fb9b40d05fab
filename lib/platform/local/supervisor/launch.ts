import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import { ensurePrivateFolder, readText } from '../../../system/files.ts'
import { supervisorFolder, supervisorLogPath } from '../paths.ts'
import { type Greeting, lineSplitter } from './protocol.ts'

/** What passes through it (lines of logs) is garbage at once: a young generation of 1 MiB keeps the process small. */
const nodeOptions = ['--max-semi-space-size=1']

/** Ending what a dead supervisor has left may take its services' grace. */
const greetingMs = 90_000

/**
 * Starts a supervisor and waits until it can be reached, or has found that another one was faster. It is in a session of its own, knows
 * neither the terminal nor the run nor the secrets of who starts it, and lives on without him.
 *
 * Node's spawn: execa ties a child to its parent, and this one is to outlive it.
 */
export async function launchSupervisor(folder: string, program: string): Promise<Result<Greeting>> {
  await ensurePrivateFolder(supervisorFolder(folder))
  const log = openSync(supervisorLogPath(folder), 'a', 0o600)
  const child = spawn(process.execPath, [...nodeOptions, program, folder], {
    cwd: '/',
    env: neutralEnvironment(process.env),
    detached: true,
    stdio: ['ignore', 'ignore', log, 'pipe'],
  })
  closeSync(log)
  child.unref()
  const pipe = child.stdio[3] as Readable
  try {
    return await new Promise<Result<Greeting>>((resolve) => {
      const timer = setTimeout(() => resolve(failed(silent(folder))), greetingMs)
      const settle = (result: Result<Greeting>) => {
        clearTimeout(timer)
        resolve(result)
      }
      const take = lineSplitter((line) => settle(ok(JSON.parse(line) as Greeting)))
      child.once('error', (error) => settle(failed(notStarted(error.message))))
      pipe.on('data', take)
      pipe.once('close', async () => settle(failed(notStarted('it ended at once', await lastLines(folder)))))
      pipe.on('error', () => {})
    })
  } finally {
    pipe.destroy()
  }
}

/** What a process needs to find its files, and nothing that could be secret or belong to a run. */
export function neutralEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR']
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

async function lastLines(folder: string): Promise<string[]> {
  const text = (await readText(supervisorLogPath(folder)).catch(() => '')) ?? ''
  return text.trimEnd().split('\n').slice(-20)
}

const notStarted = (why: string, lines?: string[]): Failure => ({
  code: 'supervisor-not-started',
  message: 'the supervisor of the local services could not be started',
  why,
  ...(lines && { lines }),
  next: ['task doctor'],
})

const silent = (folder: string): Failure => ({
  code: 'supervisor-not-started',
  message: `the supervisor of the local services is not ready after ${greetingMs / 1000}s`,
  place: { file: supervisorLogPath(folder) },
  next: ['task doctor'],
})

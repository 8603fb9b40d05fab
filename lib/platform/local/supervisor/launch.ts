import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import { startDaemon } from '../../../system/daemon.ts'
import { ensurePrivateFolder, readText } from '../../../system/files.ts'
import { supervisorFolder, supervisorLogPath } from '../paths.ts'
import type { Greeting } from './protocol.ts'

/** What passes through it (lines of logs) is garbage at once: a young generation of 1 MiB keeps the process small. */
const nodeOptions = ['--max-semi-space-size=1']

/** Ending what a dead supervisor has left may take its services' grace. */
const greetingMs = 90_000

/**
 * Starts a supervisor and waits until it can be reached, or has found that another one was faster. It knows neither the terminal nor the run
 * nor the secrets of who starts it, and lives on without him.
 */
export async function launchSupervisor(folder: string, program: string): Promise<Result<Greeting>> {
  await ensurePrivateFolder(supervisorFolder(folder))
  const greeting = await startDaemon({
    argv: [process.execPath, ...nodeOptions, program, folder],
    env: neutralEnvironment(process.env),
    log: supervisorLogPath(folder),
    timeoutMs: greetingMs,
  })
  if (!greeting.ok) return failed(notStarted(greeting.failures[0].why ?? greeting.failures[0].message))
  if (greeting.value !== undefined) return ok(JSON.parse(greeting.value) as Greeting)
  return failed(notStarted('it ended at once', await lastLines(folder)))
}

/** What a process needs to find its files, and nothing that could be secret or belong to a run. */
export function neutralEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  // Certificates: its probes are to judge a server as the commands' do.
  const names = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS']
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

import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { repository, temporaryFolder } from './folders.ts'
import { killTree } from './processes.ts'
import { markerVariable } from './runner/events.ts'

/** How to start a program. `env` is added to a clean environment; `timeout` is in milliseconds (default 60,000). */
export type RunOptions = { cwd?: string; env?: Record<string, string>; input?: string; timeout?: number }

/** How a program ended, and all that it wrote. `status` is null when a signal ended it. */
export type Ended = { stdout: string; stderr: string; status: number | null; signal: NodeJS.Signals | null }

/** A program that runs. `ended` rejects when it cannot be started and when its time is up (its whole tree is killed then). */
export type Running = {
  child: ChildProcess
  pid: number
  /** What it wrote so far. */
  stdout(): string
  stderr(): string
  ended: Promise<Ended>
}

/**
 * Starts a program in a process group of its own. Its environment is PATH (with this repository's `task` on it), HOME (not the user's), TMPDIR, LANG and `env`, so without
 * CI, proxies, tokens and npm's variables.
 */
export function start(argv: readonly [string, ...string[]], options: RunOptions = {}): Running {
  const [file, ...args] = argv
  const timeout = options.timeout ?? 60_000
  const child = spawn(file, args, {
    cwd: options.cwd ?? repository,
    env: cleanEnvironment(options.env),
    detached: true,
    stdio: 'pipe',
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString()
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A program that ends without reading its input is no error.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    const timer = setTimeout(() => {
      const seen = `stdout: ${text(stdout)}\nstderr: ${text(stderr)}`
      const late = new Error(`did not end within ${timeout} ms: ${argv.join(' ')}\n${seen}`)
      killTree(child.pid ?? 0).then(() => reject(late), reject)
    }, timeout)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ stdout: text(stdout), stderr: text(stderr), status, signal })
    })
  })
  // Who never looks at `ended` (a daemon that the test kills) is not troubled by its rejection.
  ended.catch(() => {})
  return { child, pid: child.pid ?? 0, stdout: () => text(stdout), stderr: () => text(stderr), ended }
}

/** Runs a program to its end; see `start`. A status other than 0 is data, not an error. */
export const run = (argv: readonly [string, ...string[]], options?: RunOptions): Promise<Ended> =>
  start(argv, options).ended

/** Runs this repository's real `bin/task` (the runner has built dist). `cwd` defaults to the repository. */
export const task = (args: readonly string[], options?: RunOptions): Promise<Ended> =>
  run([process.execPath, join(repository, 'bin', 'task'), ...args], options)

/** Starts this repository's real `bin/task` and returns at once, for tests that signal or kill it. */
export const startTask = (args: readonly string[], options?: RunOptions): Running =>
  start([process.execPath, join(repository, 'bin', 'task'), ...args], options)

function cleanEnvironment(added: Record<string, string> = {}): Record<string, string> {
  const marker = process.env[markerVariable]
  return {
    PATH: `${dirname(process.execPath)}:${join(repository, 'bin')}:${process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'}`,
    HOME: home(),
    LANG: 'C.UTF-8',
    ...(process.env.TMPDIR ? { TMPDIR: process.env.TMPDIR } : {}),
    ...(marker ? { [markerVariable]: marker } : {}),
    ...added,
  }
}

let ownHome: string | undefined

/** The runner has given this process a HOME of its own; without the runner, a temporary one. */
function home(): string {
  if (process.env[markerVariable] && process.env.HOME) return process.env.HOME
  ownHome ??= temporaryFolder()
  return ownHome
}

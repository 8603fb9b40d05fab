import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { formatDuration } from '../model/duration.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { gated, gateWord } from './gate.ts'
import { endGroup } from './groups.ts'
import { identify } from './process-identity.ts'
import { aborted, type ExitStatus, exitStatus, notStarted, prepareStart } from './process-start.ts'
import { runnerWatchdog } from './watchdog.ts'

/** How a one-shot command is run. */
export type CommandOptions = {
  cwd?: string
  /** The whole environment; default this process's. */
  env?: NodeJS.ProcessEnv
  /** What it reads; without it, nothing. */
  input?: string | Uint8Array
  /** After this many milliseconds it is ended (`timed-out`). */
  timeoutMs?: number
  /** Ends it (`aborted`). */
  signal?: AbortSignal
  /** How many bytes of each of stdout and stderr are kept at most (`output-too-long` beyond); default 64 Mi. */
  maxBuffer?: number
  /** From TERM to KILL when it is ended; default 5 s. */
  graceMs?: number
}

/** What a command did. `stdout` and `stderr` are UTF-8 text as it came, final line break included. */
export type CommandResult = { status: number; stdout: string; stderr: string; killedBy?: NodeJS.Signals }

/**
 * Runs a command to its end and returns what it printed. A status other than 0 is a result, not a failure (see `runChecked`).
 * Failures: `program-not-found` (with how to install it), `folder-not-found`, `timed-out`, `aborted`, `output-too-long`, `process-not-started`.
 * On timeout, abort and too long an output its whole group is ended first, strays included; nor does it outlive a runner
 * that is killed. What it leaves behind after a normal end (an agent, a daemon) is left alone.
 */
export async function runCommand(
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<Result<CommandResult>> {
  const { timeoutMs, signal, maxBuffer = 64 * 1024 * 1024, graceMs = 5000 } = options
  const prepared = prepareStart(argv, options)
  if (!prepared.ok) return prepared
  const { program, cwd, env, mark } = prepared.value
  // Imported late: it takes 75 ms, which a command that starts nothing need not pay.
  const { execa } = await import('execa')
  let openGate: (word: string) => void = () => {}
  const opened = new Promise<string>((resolve) => {
    openGate = resolve
  })
  const child = execa(...gated(program, argv.slice(1), env), {
    cwd,
    env,
    extendEnv: false,
    detached: true,
    reject: false,
    // Ending is done here: execa would signal one process, and its exit hook would do so a second time.
    cleanup: false,
    forceKillAfterDelay: false,
    buffer: false,
    ...(options.input !== undefined && { input: options.input }),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', wordOf(opened)],
  })
  const pid = child.pid
  if (pid === undefined) {
    openGate('')
    return failed(notStarted(argv[0], (await child).originalMessage ?? 'the system refused'))
  }

  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, killedBy) => resolve(exitStatus(code, killedBy)))
  })
  let ending: Promise<unknown> | undefined
  let failure: Failure | undefined
  const identity = await identify(pid)
  const end = (why: Failure) => {
    failure ??= why
    openGate('')
    ending ??= endGroup({ group: pid, mark, ...(identity && { since: identity.startTime }) }, { graceMs })
  }
  const collected = [collect(child.stdout, maxBuffer), collect(child.stderr, maxBuffer)] as const
  for (const output of collected) output.onTooLong = () => end(tooLong(argv[0], maxBuffer))
  const abort = () => end(aborted(argv[0]))
  signal?.addEventListener('abort', abort, { once: true })
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(timedOut(argv[0], timeoutMs)), timeoutMs)
  if (identity) {
    const { startTime } = identity
    try {
      await runnerWatchdog().add({ group: pid, startTime, mark, signal: 'SIGTERM', graceMs, target: 'group' })
    } catch (error) {
      // Unwatched it must not run.
      openGate('')
      clearTimeout(timer)
      throw error
    }
  }
  openGate(signal?.aborted || !identity ? '' : gateWord)

  const { status, signal: killedBy } = await exited
  await Promise.race([child, quiet(collected)])
  clearTimeout(timer)
  signal?.removeEventListener('abort', abort)
  await ending
  runnerWatchdog().delete(pid)
  if (failure) return failed(failure)
  const [stdout, stderr] = collected.map((output) => output.text()) as [string, string]
  return ok({ status, stdout, stderr, ...(killedBy && { killedBy }) })
}

/** `runCommand`, where a status other than 0 is a failure too (`command-failed`), with the last lines that it printed. */
export async function runChecked(
  argv: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<Result<CommandResult>> {
  const result = await runCommand(argv, options)
  if (!result.ok || result.value.status === 0) return result
  return failed(commandFailed(argv, result.value))
}

/** The failure of a command that ended with another status than 0. Arguments are not in it: they may hold secrets. */
export function commandFailed(argv: readonly [string, ...string[]], result: CommandResult): Failure {
  const lines = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-20)
  const name = argv.slice(0, 2).filter((word, index) => index === 0 || /^[a-z][a-z-]*$/.test(word))
  return {
    code: 'command-failed',
    message: `${name.join(' ')} ended with status ${result.status}`,
    ...(result.killedBy && { why: `it was ended by ${result.killedBy}` }),
    ...(lines[0] !== '' && { lines }),
  }
}

async function* wordOf(opened: Promise<string>): AsyncGenerator<string> {
  yield await opened
}

type Collected = { received: number; onTooLong: () => void; text(): string; close(): void }

function collect(stream: Readable, most: number): Collected {
  const chunks: Buffer[] = []
  const collected: Collected = {
    received: 0,
    onTooLong: () => {},
    text: () => Buffer.concat(chunks).toString('utf8'),
    close: () => void stream.destroy(),
  }
  stream.on('data', (chunk: Buffer) => {
    collected.received += chunk.length
    if (collected.received > most) collected.onTooLong()
    else chunks.push(chunk)
  })
  stream.on('error', () => {})
  return collected
}

/** Resolves, and closes the streams, when nothing has come for a second: a daemon that the command has started may keep them open for good. */
async function quiet(outputs: readonly Collected[]): Promise<void> {
  const total = () => outputs.reduce((sum, output) => sum + output.received, 0)
  for (let before = -1; before !== total(); ) {
    before = total()
    await pause(1000, undefined, { ref: false })
  }
  for (const output of outputs) output.close()
}

/** The failure of a command that took too long. */
export function timedOut(program: string, ms: number): Failure {
  return { code: 'timed-out', message: `${program} was ended, because it took longer than ${formatDuration(ms)}` }
}

/** The failure of a command that printed too much. */
export function tooLong(program: string, most: number): Failure {
  return { code: 'output-too-long', message: `${program} was ended, because it printed more than ${most} bytes` }
}

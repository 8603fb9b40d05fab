import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../model/failure.ts'
import { errorCode, fileFailure } from './files.ts'
import { gated, gateWord } from './gate.ts'
import { type Ended, type EndOptions, endGroup, groupMembers } from './groups.ts'
import { identify, identityOf, type ProcessIdentity } from './process-identity.ts'
import { type ExitStatus, exitStatus, notStarted, prepareStart, type Start } from './process-start.ts'
import { runnerWatchdog, signalGroup } from './watchdog.ts'

/**
 * Where output goes: nowhere, to this process's own, appended to a file (written by the child itself, so it goes on when this
 * process is stopped), to an open descriptor, straight into another process (its `stdin`, whose own end here the caller closes afterwards), or to a
 * function. A function that returns a promise holds the child back until it resolves.
 */
export type OutputTarget =
  | 'ignore'
  | 'inherit'
  | { file: string }
  | { descriptor: number }
  | { input: Writable }
  | ((chunk: Buffer) => void | Promise<void>)

/** Where input comes from: nowhere, this process's own, a pipe (`RunningProcess.stdin`), or a file. */
export type InputSource = 'ignore' | 'inherit' | 'pipe' | { file: string }

/** What to start, and how. */
export type ProcessOptions = {
  argv: readonly [string, ...string[]]
  cwd?: string
  /** The whole environment (default: this process's); the mark is added. */
  env?: NodeJS.ProcessEnv
  /** The user and group to run as (root only). */
  uid?: number
  gid?: number
  stdin?: InputSource
  stdout?: OutputTarget
  stderr?: OutputTarget
  /** Ends the process, as `stop` does. */
  signal?: AbortSignal
  /** Default SIGTERM. */
  stopSignal?: NodeJS.Signals
  /** From the stop signal to KILL; default 10 s. */
  graceMs?: number
  /** Who gets the stop signal; `leader` for servers that end their own children (PostgreSQL). Default `group`. */
  stopTarget?: 'group' | 'leader'
}

/** A process that was started, with its group. */
export type RunningProcess = {
  readonly pid: number
  readonly identity: ProcessIdentity
  /** The value of VITAL_OPS_GROUP in its environment. */
  readonly mark: string
  /** Its input, if that is `pipe`. */
  readonly stdin: Writable | undefined
  /** The end of the process itself; what it has started may live on. Never rejects. */
  readonly exited: Promise<ExitStatus>
  /** Resolves when all output has gone through the functions it was given to; rejects with what one of them threw (which ends the process). */
  readonly output: Promise<void>
  /** Who of the group lives, also after the leader's exit. */
  members(): Promise<ProcessIdentity[]>
  /** Sends a signal to the group; false if it is gone. */
  kill(signal: NodeJS.Signals): boolean
  /**
   * Ends the whole group: the stop signal, after the grace KILL. Resolves when nobody of it lives (also nobody that left it
   * with setsid), and its output has been handled. Called again it waits for the same end.
   */
  stop(options?: EndOptions): Promise<Ended>
}

/**
 * Starts a process in a group (and session) of its own. It cannot outlive this one: see gate.ts and watchdog.ts. Failures:
 * `program-not-found`, `folder-not-found`, `aborted`, `process-not-started`, and those of opening the files.
 *
 * Node's spawn and not execa: a service runs for months and must not be tied to the end of its streams, its stop concerns a group and
 * strays and not one process, and execa's own exit hooks and kill timers would do a second, different thing.
 */
export async function startProcess(options: ProcessOptions): Promise<Result<RunningProcess>> {
  const { argv, signal } = options
  const prepared = prepareStart(argv, options)
  if (!prepared.ok) return prepared
  const { mark } = prepared.value
  const spawned = await spawnGated(options, prepared.value)
  if (!spawned.ok) return spawned
  const child = spawned.value
  const pid = child.pid as number
  const exited = exitOf(child)
  const pumps = [pump(child.stdout, options.stdout), pump(child.stderr, options.stderr)]
  const output = Promise.all(pumps.map((one) => one.done)).then(() => {})
  const identity = await identify(pid)
  const { stopSignal = 'SIGTERM', graceMs = 10_000, stopTarget = 'group' } = options
  const gate = child.stdio[3] as Writable
  gate.on('error', () => {})
  // A program that ends without reading its input is no error; its status says what there is to say.
  child.stdin?.on('error', () => {})
  if (identity === undefined) {
    const { status } = await exited
    return failed(notStarted(argv[0], `the shell that starts it ended with status ${status}`))
  }
  const { startTime } = identity
  const watchdog = runnerWatchdog()
  try {
    await watchdog.add({ group: pid, startTime, mark, signal: stopSignal, graceMs, target: stopTarget })
  } catch (error) {
    // Unwatched it must not run.
    gate.destroy()
    throw error
  }

  let stopping: Promise<Ended> | undefined
  const scope = { group: pid, mark, since: startTime }
  const running: RunningProcess = {
    pid,
    identity,
    mark,
    stdin: child.stdin ?? undefined,
    exited,
    output,
    members: async () => Promise.all((await groupMembers(scope)).map(identityOf)),
    kill: (name) => signalGroup(pid, name),
    stop(how = {}) {
      stopping ??= end(how)
      return stopping
    },
  }

  async function end(how: EndOptions): Promise<Ended> {
    gate.destroy()
    const ended = await endGroup(scope, { signal: stopSignal, graceMs, target: stopTarget, ...how })
    if (ended.left.length > 0) return ended
    watchdog.delete(pid)
    await exited
    await Promise.race([output, closeWhenIdle(pumps)])
    return ended
  }

  output.catch(() => running.stop().catch(() => {}))
  const abort = () => void running.stop().catch(() => {})
  signal?.addEventListener('abort', abort, { once: true })
  void exited.then(() => {
    signal?.removeEventListener('abort', abort)
    // The usual case, told by one system call: the group ended with its leader, and its id may be another's soon.
    if (!signalGroup(pid, 0)) watchdog.delete(pid)
  })
  if (signal?.aborted) abort()
  else gate.end(gateWord)
  return ok(running)
}

/** Spawns the gate. The files are opened here and closed again once the child has them. */
async function spawnGated(options: ProcessOptions, { program, cwd, env }: Start): Promise<Result<ChildProcess>> {
  const opened: number[] = []
  const open = (path: string, flags: string) => {
    const descriptor = openSync(path, flags, 0o600)
    opened.push(descriptor)
    return descriptor
  }
  const target = (output: OutputTarget | undefined) => {
    if (typeof output === 'function') return 'pipe' as const
    if (typeof output !== 'object') return output ?? 'ignore'
    if ('input' in output) return output.input
    return 'file' in output ? open(output.file, 'a') : output.descriptor
  }
  try {
    const { stdin = 'ignore', argv } = options
    const [shell, args] = gated(program, argv.slice(1), env)
    const child = spawn(shell, args, {
      cwd,
      env,
      detached: true,
      stdio: [
        typeof stdin === 'object' ? open(stdin.file, 'r') : stdin,
        target(options.stdout),
        target(options.stderr),
        'pipe',
      ],
      ...(options.uid !== undefined && { uid: options.uid }),
      ...(options.gid !== undefined && { gid: options.gid }),
    })
    if (child.pid !== undefined) return ok(child)
    const error = await new Promise<Error>((resolve) => child.once('error', resolve))
    return failed(notStarted(argv[0], error.message))
  } catch (error) {
    const path = (error as { path?: string }).path
    if (path !== undefined && errorCode(error) !== undefined) return failed(fileFailure(error, 'opened', path))
    return failed(notStarted(options.argv[0], (error as Error).message))
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}

function exitOf(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(exitStatus(code, signal)))
  })
}

/** A stream that is handed to a function. */
type Pump = { done: Promise<void>; idle(): boolean; close(): void }

/** Hands over a stream chunk by chunk; reading on only when the last one was taken is what holds the child back. */
function pump(stream: Readable | null, target: OutputTarget | undefined): Pump {
  if (stream === null || typeof target !== 'function') return { done: Promise.resolve(), idle: () => true, close() {} }
  let busy = false
  let closed = false
  const run = async () => {
    try {
      for await (const chunk of stream) {
        busy = true
        await target(chunk as Buffer)
        busy = false
      }
    } catch (error) {
      if (!closed) throw error
    }
  }
  return {
    done: run(),
    idle: () => !busy && stream.readableLength === 0,
    close() {
      closed = true
      stream.destroy()
    },
  }
}

/** Somebody who is not of the group may hold the child's pipes (a daemon that it started); their end is not waited for. */
async function closeWhenIdle(pumps: Pump[]): Promise<void> {
  do await pause(1000, undefined, { ref: false })
  while (!pumps.every((one) => one.idle()))
  for (const one of pumps) one.close()
}

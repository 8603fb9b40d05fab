import { PassThrough, type Readable, type Writable } from 'node:stream'
import type { DatabaseAddress } from '../database/connect.ts'
import { tlsVariables } from '../database/tls.ts'
import { type Failure, FailureError, unwrap } from '../model/failure.ts'
import { startProcess } from '../system/processes.ts'

/** How many of a program's last lines are kept. */
const keptLines = 20

/** How PostgreSQL's programs are told where to go: nothing of it is in their arguments, where others could read the password. */
export function clientEnvironment(
  address: DatabaseAddress,
  settings: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  const { PATH, HOME, TMPDIR } = process.env
  return {
    ...(PATH !== undefined && { PATH }),
    ...(HOME !== undefined && { HOME }),
    ...(TMPDIR !== undefined && { TMPDIR }),
    LC_ALL: 'C.UTF-8',
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password.reveal(),
    PGAPPNAME: address.applicationName,
    PGCONNECT_TIMEOUT: '10',
    PGCLIENTENCODING: 'UTF8',
    // Neither a service file nor what the user has set may lead elsewhere.
    ...tlsVariables(address.tls),
    ...(options.length > 0 && { PGOPTIONS: options.join(' ') }),
  }
}

/** What a client program is given. */
export type ClientRun = {
  address: DatabaseAddress
  signal: AbortSignal
  /** The server's settings for its sessions: names and values without spaces. */
  settings?: Readonly<Record<string, string>>
  /** What it reads; without it, nothing. */
  input?: AsyncIterable<Uint8Array>
  output?: (line: string) => void
}

/**
 * Runs a program and gives what it writes as a stream, which fails when the program does not end with status 0: who reads to the end without a failure
 * has all of it. The program ends when the reader does, or with this process.
 */
export async function* outputOf(argv: readonly [string, ...string[]], run: ClientRun): AsyncGenerator<Uint8Array> {
  const pipe = new PassThrough({ highWaterMark: 512 * 1024 })
  const errors = tail(run.output)
  const started = await startClient(argv, run, {
    stdout: (chunk) => (pipe.write(chunk) || pipe.destroyed ? undefined : drained(pipe)),
    stderr: errors.take,
  })
  const ended = (async () => {
    const { status, signal } = await started.exited
    await started.output
    await started.stop({ graceMs: 1000 })
    if (status !== 0) pipe.destroy(new FailureError(programFailed(argv[0], status, signal, errors.lines(), run.signal)))
    else pipe.end()
  })()
  ended.catch((error: unknown) => pipe.destroy(error as Error))
  try {
    yield* pipe as AsyncIterable<Uint8Array>
  } finally {
    pipe.destroy()
    await started.stop({ graceMs: 1000 })
    await ended.catch(() => {})
  }
}

/** Starts one of PostgreSQL's programs, with its streams as `streams` says. */
const startClient = async (
  argv: readonly [string, ...string[]],
  { address, settings, signal }: ClientRun,
  streams: Pick<Parameters<typeof startProcess>[0], 'stdin' | 'stdout' | 'stderr'>,
) => unwrap(await startProcess({ argv, env: clientEnvironment(address, settings), signal, graceMs: 3000, ...streams }))

/** What a program writes: as a stream, or straight into another program, which saves both copies through this process. */
export type ProgramOutput = {
  stream(): AsyncIterable<Uint8Array>
  /** Resolves when the program has written all and ended with status 0; the input is closed then. Throws `FailureError` for any other status. */
  into(input: Writable): Promise<void>
}

/** What a program writes, once; see `outputOf`. */
export const programOutput = (argv: readonly [string, ...string[]], run: ClientRun): ProgramOutput => ({
  stream: () => outputOf(argv, run),
  into: (input) => outputInto(argv, run, input),
})

async function outputInto(argv: readonly [string, ...string[]], run: ClientRun, input: Writable): Promise<void> {
  const errors = tail(run.output)
  try {
    const started = await startClient(argv, run, {
      stdout: { input },
      stderr: errors.take,
    })
    // The program has it now; while this process had it too, its reader would see no end.
    input.destroy()
    const { status, signal } = await started.exited
    await started.output
    await started.stop({ graceMs: 1000 })
    if (status !== 0) throw new FailureError(programFailed(argv[0], status, signal, errors.lines(), run.signal))
  } finally {
    input.destroy()
  }
}

/** Runs a program to its end, feeding it `input`. Throws `FailureError` (`client-failed`, with its last lines) for any other status than 0. */
export async function runClient(argv: readonly [string, ...string[]], run: ClientRun): Promise<void> {
  const errors = tail(run.output)
  const started = await startClient(argv, run, {
    stdin: run.input ? 'pipe' : 'ignore',
    stdout: errors.take,
    stderr: errors.take,
  })
  let broken: unknown
  if (run.input && started.stdin) {
    const { stdin } = started
    try {
      for await (const chunk of run.input) {
        if (stdin.destroyed) break
        if (!stdin.write(chunk)) await drained(stdin as unknown as PassThrough)
      }
      stdin.end()
    } catch (error) {
      broken = error
      // What came in was not whole: the program must not take it for all.
      await started.stop({ signal: 'SIGKILL', graceMs: 0 })
    }
  }
  const { status, signal } = await started.exited
  await started.stop({ graceMs: 1000 })
  if (broken !== undefined) throw broken
  if (status !== 0) throw new FailureError(programFailed(argv[0], status, signal, errors.lines(), run.signal))
}

/** Resolves when more can be written, or never will be. */
function drained(stream: Readable & NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error']) stream.once(event, done)
  })
}

function tail(output: ((line: string) => void) | undefined) {
  let rest = ''
  const lines: string[] = []
  const push = (line: string) => {
    output?.(line)
    lines.push(line)
    if (lines.length > keptLines) lines.shift()
  }
  return {
    take(chunk: Buffer) {
      const parts = (rest + chunk.toString('utf8')).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) push(part)
    },
    lines() {
      if (rest !== '') push(rest)
      rest = ''
      return lines
    },
  }
}

function programFailed(
  program: string,
  status: number,
  killedBy: string | undefined,
  lines: string[],
  signal: AbortSignal,
): Failure {
  const name = program.split('/').at(-1) ?? program
  if (signal.aborted) return { code: 'aborted', message: `${name} was ended, because the command was interrupted` }
  return {
    code: 'client-failed',
    message: `${name} ended with status ${status}`,
    ...(killedBy && { why: `it was ended by ${killedBy}` }),
    ...(lines.length > 0 && { lines: [...lines] }),
  }
}

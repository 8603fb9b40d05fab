import type { Readable, Writable } from 'node:stream'

/** How commands of a `$` are started; a subset of zx's options, with their meaning. */
export type ShellOptions = {
  cwd?: string
  env?: Record<string, string | undefined>
  /** Written to the command's stdin. */
  input?: string | Uint8Array | Readable
  /** As in `node:child_process`; `inherit` gives the command the terminal, and then nothing is captured of it. */
  stdio?: 'pipe' | 'inherit' | 'ignore' | readonly ('pipe' | 'inherit' | 'ignore' | number | null)[]
  /** A failing command resolves, too. */
  nothrow?: boolean
  /** Nothing of the command is shown. */
  quiet?: boolean
  /** The command and its output are shown; true by default. */
  verbose?: boolean
  /** `10s`, `500ms`, or milliseconds. */
  timeout?: number | `${number}ms` | `${number}s` | `${number}m`
  /** Aborting it ends the command. */
  signal?: AbortSignal
  /** Written before and after the command's text, e.g. `set -o pipefail;`. */
  prefix?: string
  postfix?: string
  /** It starts with `.run()`. */
  halt?: boolean
}

/** A command that has ended. zx's `ProcessOutput`. */
export interface CommandOutput extends Error {
  readonly stdout: string
  readonly stderr: string
  /** Both, in the order of arrival. */
  readonly stdall: string
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** Milliseconds. */
  readonly duration: number
  readonly ok: boolean
  /** `stdall` as it came; in a template of `$` it stands without the line break at its end. */
  toString(): string
  /** stdout and stderr, as zx has it. */
  text(encoding?: BufferEncoding): string
  json<Value = unknown>(): Value
  lines(delimiter?: string | RegExp): string[]
  buffer(): Buffer
}

/** A command that runs. zx's `ProcessPromise`; rejects with its `CommandOutput` when the command fails. */
export interface Command extends Promise<CommandOutput> {
  readonly pid: number | undefined
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly exitCode: Promise<number | null>
  /** What it gave, once it has ended. */
  readonly output: CommandOutput | undefined
  text(encoding?: BufferEncoding): Promise<string>
  json<Value = unknown>(): Promise<Value>
  lines(delimiter?: string | RegExp): Promise<string[]>
  buffer(): Promise<Buffer>
  nothrow(value?: boolean): Command
  quiet(value?: boolean): Command
  verbose(value?: boolean): Command
  /** As in `node:child_process`; in the same breath as the command is written, before it starts. */
  stdio(
    stdin: NonNullable<ShellOptions['stdio']>,
    stdout?: 'pipe' | 'inherit' | 'ignore',
    stderr?: 'pipe' | 'inherit' | 'ignore',
  ): Command
  /** Ends it after that time: TERM, and KILL after five seconds; another signal is sent alone. */
  timeout(span: NonNullable<ShellOptions['timeout']>, signal?: NodeJS.Signals): Command
  /** Sends a signal (TERM) to it and to all that it has started. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Ends it: TERM, and KILL after five seconds. */
  abort(): void
  /** Starts it, when it was made with `halt`. */
  run(): Command
  isRunning(): boolean
  isSettled(): boolean
  isHalted(): boolean
  isQuiet(): boolean
  isVerbose(): boolean
  isNothrow(): boolean
  /** Leads its stdout to another command, a stream, or a file by its path; `.pipe.stderr` and `.pipe.stdall` what their names say. */
  readonly pipe: Pipe & { readonly stdout: Pipe; readonly stderr: Pipe; readonly stdall: Pipe }
  [Symbol.asyncIterator](): AsyncIterator<string>
}

/** What a command's output is led to. */
export interface Pipe {
  (destination: TemplateStringsArray, ...values: unknown[]): Command
  (destination: Command): Command
  (path: string): Writable & PromiseLike<CommandOutput>
  <Destination extends Writable>(destination: Destination): Destination & PromiseLike<CommandOutput>
}

/**
 * Starts a command: `` $`git tag ${name}` ``. What is interpolated is one argument (an array: several), quoted, whatever it
 * holds. `$({ cwd, quiet, … })` gives a `$` with other options; `$.cwd = …` sets one, for the task, or in a `within` of `vital-ops/zx`.
 */
export interface Shell extends ShellProperties {
  (pieces: TemplateStringsArray, ...values: unknown[]): Command
  (options: ShellOptions): Shell
  /** Gives the output itself: nothing else runs meanwhile, not even what would end the command with its task. */
  readonly sync: SyncShell
}

/** `$.sync`. */
export interface SyncShell {
  (pieces: TemplateStringsArray, ...values: unknown[]): CommandOutput
  (options: Omit<ShellOptions, 'halt' | 'signal'>): SyncShell
}

/** The options of a `$`, which can be set. */
export interface ShellProperties extends Omit<ShellOptions, 'halt' | 'cwd' | 'env'> {
  cwd: string
  env: Record<string, string | undefined>
}

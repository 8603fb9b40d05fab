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
  text(): string
  json<Value = unknown>(): Value
  lines(): string[]
  buffer(): Buffer
}

/** A command that runs. zx's `ProcessPromise`; rejects with its `CommandOutput` when the command fails. */
export interface Command extends Promise<CommandOutput> {
  readonly pid: number | undefined
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly exitCode: Promise<number | null>
  text(): Promise<string>
  json<Value = unknown>(): Promise<Value>
  lines(): Promise<string[]>
  buffer(): Promise<Buffer>
  nothrow(value?: boolean): Command
  quiet(value?: boolean): Command
  verbose(value?: boolean): Command
  timeout(span: NonNullable<ShellOptions['timeout']>, signal?: NodeJS.Signals): Command
  kill(signal?: NodeJS.Signals): Promise<void>
  pipe(destination: TemplateStringsArray, ...values: unknown[]): Command
  pipe(destination: Command): Command
  pipe<Destination extends Writable>(destination: Destination): Destination & PromiseLike<CommandOutput>
  [Symbol.asyncIterator](): AsyncIterator<string>
}

/**
 * Starts a command: `` $`git tag ${name}` ``. What is interpolated is one argument (an array: several), quoted, whatever it
 * holds. `$({ cwd, quiet, … })` gives a `$` with other options.
 */
export interface Shell {
  (pieces: TemplateStringsArray, ...values: unknown[]): Command
  (options: ShellOptions): Shell
}

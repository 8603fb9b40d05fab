import { parseDuration } from '../model/duration.ts'
import type { EndedCommand } from './command-output.ts'
import type { CommandOutput, ShellOptions } from './shell.ts'

/** The options of one command. */
export type CommandOptions = ShellOptions

/** A span of time in milliseconds. Throws a TypeError when it is none. */
export function spanOf(span: NonNullable<ShellOptions['timeout']>): number {
  const ms = typeof span === 'number' ? span : parseDuration(span)
  if (ms !== undefined) return ms
  throw new TypeError(`expected a duration like 10s, got ${JSON.stringify(span)}`)
}

/** What can be asked of a command, and chained to it, whatever runs it. */
export class CommandPromise extends Promise<CommandOutput> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  protected readonly options: CommandOptions

  constructor(
    executor: (resolve: (output: CommandOutput) => void, reject: (output: unknown) => void) => void,
    options: CommandOptions,
  ) {
    if (options.timeout !== undefined) spanOf(options.timeout)
    super(executor)
    this.options = { ...options }
  }

  get exitCode(): Promise<number | null> {
    return this.then(
      (output) => output.exitCode,
      (output) => (output as CommandOutput).exitCode,
    )
  }

  text(encoding?: BufferEncoding): Promise<string> {
    return this.then((output) => (output as EndedCommand).text(encoding))
  }

  json<Value = unknown>(): Promise<Value> {
    return this.then((output) => output.json<Value>())
  }

  lines(delimiter?: string | RegExp): Promise<string[]> {
    return this.then((output) => (output as EndedCommand).lines(delimiter))
  }

  buffer(): Promise<Buffer> {
    return this.then((output) => output.buffer())
  }

  nothrow(value = true): this {
    this.options.nothrow = value
    return this
  }

  quiet(value = true): this {
    this.options.quiet = value
    return this
  }

  verbose(value = true): this {
    this.options.verbose = value
    return this
  }

  isQuiet(): boolean {
    return this.options.quiet === true
  }

  isVerbose(): boolean {
    return this.options.verbose !== false && !this.isQuiet()
  }

  isNothrow(): boolean {
    return this.options.nothrow === true
  }
}

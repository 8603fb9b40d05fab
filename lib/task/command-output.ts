import type { CommandOutput } from './shell.ts'

/** What is known of a command that has ended. */
export type CommandEnd = {
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** Milliseconds. */
  duration: number
  /** Why it could not be started, or was broken off. */
  cause?: unknown
  /** In the order of arrival. */
  chunks: readonly { stream: 'stdout' | 'stderr'; data: Uint8Array }[]
  /** Where it was started, for the message. */
  place(): string | undefined
}

/** A command that has ended: what it printed, and the error when it failed. As zx's `ProcessOutput`. */
export class EndedCommand extends Error implements CommandOutput {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly duration: number
  declare readonly cause?: unknown
  readonly #end: CommandEnd
  readonly #texts = new Map<string, string>()

  constructor(end: CommandEnd) {
    const { stackTraceLimit } = Error
    // It is made for each command, and its place is known already.
    Error.stackTraceLimit = 0
    super('')
    Error.stackTraceLimit = stackTraceLimit
    this.exitCode = end.exitCode
    this.signal = end.signal
    this.duration = end.duration
    this.#end = end
    if (end.cause !== undefined) Object.defineProperty(this, 'cause', { value: end.cause, configurable: true })
    Object.defineProperty(this, 'message', { get: () => this.#message(), configurable: true })
  }

  get ok(): boolean {
    return this.exitCode === 0 && this.cause === undefined
  }

  get stdout(): string {
    return this.#text('stdout')
  }

  get stderr(): string {
    return this.#text('stderr')
  }

  get stdall(): string {
    return this.#text('stdall')
  }

  text(encoding: BufferEncoding = 'utf8'): string {
    return encoding === 'utf8' ? this.stdall : this.buffer().toString(encoding)
  }

  json<Value = unknown>(): Value {
    return JSON.parse(this.stdall)
  }

  buffer(): Buffer {
    return this.#bytes('stdall')
  }

  blob(type = 'text/plain'): Blob {
    return new Blob([this.buffer()], { type })
  }

  lines(delimiter: string | RegExp = /\r?\n/): string[] {
    return linesOf(this.stdall, delimiter)
  }

  override toString(): string {
    return this.stdall
  }

  override valueOf(): string {
    return this.stdall.trim()
  }

  [Symbol.toPrimitive](): string {
    return this.valueOf()
  }

  [Symbol.iterator](): Iterator<string> {
    return this.lines()[Symbol.iterator]()
  }

  get [Symbol.toStringTag](): string {
    return 'ProcessOutput'
  }

  #bytes(which: 'stdout' | 'stderr' | 'stdall'): Buffer {
    const { chunks } = this.#end
    return Buffer.concat(chunks.filter(({ stream }) => which === 'stdall' || stream === which).map(({ data }) => data))
  }

  #text(which: 'stdout' | 'stderr' | 'stdall'): string {
    const known = this.#texts.get(which)
    if (known !== undefined) return known
    const text = this.#bytes(which).toString()
    this.#texts.set(which, text)
    return text
  }

  #message(): string {
    const { cause, exitCode, signal } = this.#end
    const place = this.#end.place()
    if (cause instanceof Error) return cause.message
    const said = (this.stderr.trim() || this.stdout.trim()).split('\n').slice(-20).join('\n')
    const facts = [`exit code: ${exitCode}`, ...(signal ? [`signal: ${signal}`] : [])]
    return [said, ...(place ? [`    at ${place}`] : []), ...facts.map((fact) => `    ${fact}`)].join('\n')
  }
}

/** The lines of a text, without an empty one behind the last line break. */
export function linesOf(text: string, delimiter: string | RegExp = /\r?\n/): string[] {
  const lines = text.split(delimiter)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/**
 * The lines of stdout as they come.
 *
 * @param chunks grows meanwhile
 * @param source `more` resolves when there may be more, or it is over
 */
export async function* arrivingLines(
  chunks: CommandEnd['chunks'],
  source: { isOver(): boolean; more(): Promise<void> },
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let at = 0
  for (;;) {
    const isOver = source.isOver()
    for (; at < chunks.length; at += 1) {
      const { stream, data } = chunks[at] as CommandEnd['chunks'][number]
      if (stream === 'stdout') rest += decoder.decode(data, { stream: true })
    }
    const end = rest.lastIndexOf('\n') + 1
    yield* linesOf(rest.slice(0, end))
    rest = rest.slice(end)
    if (isOver) break
    if (at === chunks.length && !source.isOver()) await source.more()
  }
  if (rest !== '') yield rest
}

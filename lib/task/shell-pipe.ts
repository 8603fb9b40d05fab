import { createWriteStream } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { CommandOutput } from './shell.ts'

/** What of a command's output goes through a pipe. */
export type PipeKind = 'stdout' | 'stderr' | 'stdall'

/** What a command's output goes to. */
export interface Target {
  /** Takes a piece; `from` can be held back while this is full. */
  give(stream: 'stdout' | 'stderr', data: Uint8Array, from: Readable | undefined): void
  end(): void
}

/** Whether a value is what stands behind a tag: `` .pipe`next` ``. */
export const isTemplate = (value: unknown): value is TemplateStringsArray => Array.isArray(value) && 'raw' in value

/** Writes a piece where it is piped to, and lets the command that it comes from wait while that is full. */
export function feed(
  kind: PipeKind,
  to: Writable,
  { stream, data, from }: { stream: 'stdout' | 'stderr'; data: Uint8Array; from: Readable | undefined },
): void {
  if (kind !== 'stdall' && kind !== stream) return
  if (to.writableEnded || to.destroyed) return
  if (to.write(data) || !from) return
  from.pause()
  const go = () => from.resume()
  to.once('drain', go)
  to.once('close', go)
}

/** A stream, or a file by its path, that a command's output goes to. `stream` can be awaited: for the output, when all is written. */
export class PipedStream implements Target {
  readonly stream: Writable & PromiseLike<CommandOutput>
  readonly #kind: PipeKind
  readonly #to: Writable
  /** This process's own streams go on. */
  readonly #isOwn: boolean

  constructor(kind: PipeKind, destination: Writable | string, command: Promise<CommandOutput>) {
    const to = typeof destination === 'string' ? createWriteStream(destination) : destination
    if (to.writableEnded) throw new TypeError('cannot pipe to a stream that has ended')
    this.#kind = kind
    this.#to = to
    this.#isOwn = to === process.stdout || to === process.stderr
    const written = this.#isOwn
      ? undefined
      : new Promise<void>((resolve, reject) => {
          to.once('finish', resolve)
          to.once('error', reject)
        })
    written?.catch(() => {})
    const whole = async (): Promise<CommandOutput> => {
      const output = await command
      await written
      return output
    }
    this.stream = new Proxy(to, {
      get: (stream, name) => {
        if (name === 'then') {
          return <A, B>(done: (output: CommandOutput) => A, failed: (error: unknown) => B) => whole().then(done, failed)
        }
        const value: unknown = Reflect.get(stream, name)
        return typeof value === 'function' ? value.bind(stream) : value
      },
    }) as Writable & PromiseLike<CommandOutput>
  }

  give(stream: 'stdout' | 'stderr', data: Uint8Array, from: Readable | undefined): void {
    feed(this.#kind, this.#to, { stream, data, from })
  }

  end(): void {
    if (!this.#isOwn) this.#to.end()
  }
}

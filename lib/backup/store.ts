import { createHash } from 'node:crypto'
import type { BackupFile } from '../model/backup.ts'
import { type Failure, FailureError } from '../model/failure.ts'
import { encrypt } from './age.ts'
import type { ProgramOutput } from './client-run.ts'
import { type Codec, compress, compressProgram } from './codecs.ts'
import type { Target } from './targets/target.ts'

/** A target that takes part in a backup, until it fails. */
export type Copy = { target: Target; failure?: Failure }

/** What a file is stored as. */
export type StoreOptions = {
  /** Folder of the backup, with a slash at the end. */
  prefix: string
  name: string
  source: string
  holds: BackupFile['holds']
  codec: Codec
  recipients: readonly string[]
  signal: AbortSignal
}

/**
 * Compresses, encrypts and hashes a stream (or what a program writes) on its way into all targets at once. A target that fails is marked and does not hold up the others; when
 * none is left, or the stream itself fails, this throws `FailureError` and nothing is under the file's name.
 */
export async function storeFile(
  copies: readonly Copy[],
  content: AsyncIterable<Uint8Array> | ProgramOutput,
  options: StoreOptions,
): Promise<BackupFile> {
  const plain = counter()
  const stored = counter()
  const direct = 'into' in content ? compressProgram(options.codec, content) : undefined
  const read = () => plain.through('into' in content ? content.stream() : content)
  let stream = direct?.stream ?? compress(options.codec, read())
  const isEncrypted = options.recipients.length > 0
  if (isEncrypted) stream = encrypt(stream, options.recipients)
  const name = `${options.name}${suffixes[options.codec]}${isEncrypted ? '.age' : ''}`
  await fanOut(copies, `${options.prefix}${name}`, stored.through(stream), options.signal)
  return {
    name,
    source: options.source,
    holds: options.holds,
    ...stored.stored(),
    codec: options.codec,
    encrypted: isEncrypted,
    ...(direct ? sizeOf(direct.plainBytes()) : { plainBytes: plain.bytes(), plainSha256: plain.sha256() }),
  }
}

const sizeOf = (plainBytes: number | undefined) => (plainBytes === undefined ? {} : { plainBytes })

const suffixes: Record<Codec, string> = { none: '', gzip: '.gz', zstd: '.zst' }

/** Counts and hashes what goes through. */
export function counter() {
  const hash = createHash('sha256')
  let bytes = 0
  let digest: string | undefined
  const sha256 = () => {
    digest ??= hash.digest('hex')
    return digest
  }
  return {
    async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        hash.update(chunk)
        bytes += chunk.length
        yield chunk
      }
    },
    bytes: () => bytes,
    sha256,
    stored: () => ({ bytes, sha256: sha256() }),
  }
}

/** One stream into every target that has not failed yet, at the pace of the slowest. */
async function fanOut(
  copies: readonly Copy[],
  key: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const writers = copies
    .filter((copy) => copy.failure === undefined)
    .map((copy) => {
      const lane = new Lane()
      const done = copy.target.write(key, lane, signal).catch((error: unknown) => {
        // What was passed on from the source is no fault of the target.
        if (lane.broken === undefined) copy.failure = failureOf(error, copy.target)
        lane.close()
      })
      return { copy, lane, done }
    })
  const alive = () => writers.filter(({ copy }) => copy.failure === undefined)
  try {
    for await (const chunk of source) {
      await Promise.all(alive().map(({ lane }) => lane.push(chunk)))
      if (alive().length === 0) break
    }
    for (const { lane } of writers) lane.end()
  } catch (error) {
    for (const { lane } of writers) lane.break(error)
    await Promise.all(writers.map(({ done }) => done))
    throw error
  }
  await Promise.all(writers.map(({ done }) => done))
  const left = copies.filter(({ failure }) => failure === undefined)
  if (left.length === 0) throw new FailureError(...(copies.flatMap(({ failure }) => failure ?? []) as [Failure]))
}

/** What a target failed of. A defect is thrown on. */
export function failureOf(error: unknown, target: Target): Failure {
  if (error instanceof FailureError) return error.failures[0] as Failure
  const { name, message } = error as Error
  if (name === 'AbortError')
    return { code: 'aborted', message: 'the backup was ended, because the command was interrupted' }
  return { code: 'target-failed', message: `${target.name} did not take the backup`, why: message }
}

/** A stream of one chunk at a time: `push` resolves when the chunk was taken, or nobody wants any more. */
class Lane implements AsyncIterable<Uint8Array> {
  broken: unknown
  #chunk: Uint8Array | undefined
  #ended = false
  #closed = false
  #wake: () => void = () => {}
  #taken: () => void = () => {}

  push(chunk: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#chunk = chunk
      this.#taken = resolve
      this.#wake()
    })
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  break(error: unknown): void {
    this.broken = error ?? new Error('the source failed')
    this.#wake()
    this.#taken()
  }

  close(): void {
    this.#closed = true
    this.#taken()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (this.broken !== undefined) throw this.broken
        const chunk = this.#chunk
        if (chunk !== undefined) {
          this.#chunk = undefined
          // The next one is made while this one is written.
          this.#taken()
          yield chunk
          continue
        }
        if (this.#ended) return
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      this.close()
    }
  }
}

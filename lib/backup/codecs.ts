import { PassThrough, Readable, type Transform, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import type { BackupFile } from '../model/backup.ts'
import { FailureError, unwrap } from '../model/failure.ts'
import { findProgram } from '../system/machine.ts'
import { startProcess } from '../system/processes.ts'
import type { ProgramOutput } from './client-run.ts'

/** How a file of a backup is compressed. */
export type Codec = BackupFile['codec']

// Node.js 22.15 and 23.8 brought zstd (nodejs.org/api/zlib.html); the types here are those of 20.
type WithZstd = {
  createZstdCompress?(options: object): Transform
  createZstdDecompress?(options: object): Transform
}
const { createZstdCompress, createZstdDecompress } = zlib as WithZstd
/** `ZSTD_c_compressionLevel` (zstd.h). */
const compressionLevel = 100
const level = ['-1', '-T1']

const chunkSize = 256 * 1024

/** The program that does what an older Node.js cannot; in a process of its own, so it also takes a core of its own. */
const zstdProgram = (): string | undefined => findProgram('zstd')

/** The best codec of this machine: zstd by its program or by Node.js, else gzip. */
export const bestCodec = (): Exclude<Codec, 'none'> => (createZstdCompress || zstdProgram() ? 'zstd' : 'gzip')

/**
 * Compresses a stream. gzip at level 1: on a dump, level 6 takes twice as long for a tenth less; zstd at level 1, which takes two thirds of the time of
 * level 3 and makes dumps no bigger. Failure: `codec-missing`.
 */
export function compress(codec: Codec, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (codec === 'none') return source
  if (codec === 'gzip') return through(source, zlib.createGzip({ level: 1, chunkSize, memLevel: 9 }))
  const program = zstdProgram()
  if (program) return throughProgram(feed(source), [program, '-q', ...level, '-c']).stream
  if (createZstdCompress) return through(source, createZstdCompress({ chunkSize, params: { [compressionLevel]: 1 } }))
  throw new FailureError(zstdMissing())
}

/**
 * Compresses what a program writes by a program that it is connected with, and without either of its copies through this process: nobody counts here
 * what goes in, but zstd says at its end how much it was, and puts a checksum of it into what comes out. Undefined where there is no such program.
 */
export function compressProgram(
  codec: Codec,
  output: ProgramOutput,
): { stream: AsyncIterable<Uint8Array>; plainBytes(): number | undefined } | undefined {
  const program = codec === 'zstd' ? zstdProgram() : undefined
  if (program === undefined) return undefined
  const { stream, said } = throughProgram(output.into, [program, '-vv', '--no-progress', ...level, '--check', '-c'])
  // `/*stdin*\\ : 23.89%   (158162698 B => 37778979 B, /*stdout*\)`; without the units before 1.5.
  return { stream, plainBytes: () => Number(/\((\d+)(?: B)? => \d+/.exec(said())?.[1] ?? Number.NaN) || undefined }
}

/** How to expand a stream into a file that is not there yet, by a program that writes it itself; undefined where there is none. */
export function fileExpander(
  codec: Codec,
): ((source: AsyncIterable<Uint8Array>, path: string) => Promise<void>) | undefined {
  const program = codec === 'zstd' ? zstdProgram() : undefined
  if (program === undefined) return undefined
  return async (source, path) => {
    const { stream, said } = throughProgram(feed(source), [program, '-q', '-d', '-c'], path)
    try {
      for await (const _ of stream);
    } catch (error) {
      if (!/No space left on device|Disk quota exceeded/.test(said())) throw error
      throw Object.assign(new Error(said().trim()), { code: 'ENOSPC', path })
    }
  }
}

/** Expands a stream. It fails where the input ends too early or is no such stream. Failure: `codec-missing`. */
export function expand(codec: Codec, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (codec === 'none') return source
  if (codec === 'gzip') return through(source, zlib.createGunzip({ chunkSize }))
  const program = zstdProgram()
  if (program) return throughProgram(feed(source), [program, '-q', '-d', '-c']).stream
  if (createZstdDecompress) return through(source, createZstdDecompress({ chunkSize }))
  throw new FailureError(zstdMissing())
}

const zstdMissing = () => ({
  code: 'codec-missing',
  message: `the backup is compressed with zstd, for which there is no program here and which Node.js ${process.versions.node} does not have`,
  next: ['apt-get install zstd', 'or run the command with Node.js 22.15 or newer'],
  outcome: 'unchanged' as const,
})

/** Sends a stream through a transform. What fails on either side fails the result, with the first error. */
async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(source, { objectMode: false, highWaterMark: 256 * 1024 }), transform)
  // It reaches the reader by the transform, which is destroyed with it.
  feeding.catch(() => {})
  try {
    yield* transform as AsyncIterable<Uint8Array>
  } finally {
    transform.destroy()
    await feeding.catch(() => {})
  }
}

/** Feeds a stream to a program. */
const feed = (source: AsyncIterable<Uint8Array>) => (stdin: Writable) => pipeline(source, stdin)

/**
 * Starts a program when its output is first asked for, and has it fed. What fails on either side fails the output, and so does any status but 0.
 * @param file where its output goes; then the stream only ends
 */
function throughProgram(
  feeding: (stdin: Writable) => Promise<void>,
  argv: readonly [string, ...string[]],
  file?: string,
): { stream: AsyncIterable<Uint8Array>; said(): string } {
  let said = ''
  const hear = (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-500)
  }
  return { stream: programStream(feeding, argv, file, hear, () => said), said: () => said }
}

async function* programStream(
  feed: (stdin: Writable) => Promise<void>,
  argv: readonly [string, ...string[]],
  file: string | undefined,
  hear: (chunk: Buffer) => void,
  said: () => string,
): AsyncGenerator<Uint8Array> {
  const out = new PassThrough({ highWaterMark: 256 * 1024 })
  const running = unwrap(
    await startProcess({
      argv,
      graceMs: 1000,
      stdin: 'pipe',
      stdout: file ? { file } : (chunk) => (out.write(chunk) || out.destroyed ? undefined : drained(out)),
      stderr: hear,
    }),
  )
  const { stdin } = running
  const feeding = stdin ? feed(stdin) : Promise.reject(new Error('it has no input'))
  feeding.catch((error: NodeJS.ErrnoException) => {
    // A program that reads no more ends with a status, which says why.
    if (error.code !== 'EPIPE') out.destroy(error)
  })
  const ended = (async () => {
    const { status } = await running.exited
    await running.output
    if (status !== 0) throw new Error(said().trim() || `${argv[0]} ended with status ${status}`)
    // It also ends well when what it was fed broke off: then this fails.
    await feeding
    out.end()
  })()
  ended.catch((error: unknown) => out.destroy(error as Error))
  try {
    yield* out as AsyncIterable<Uint8Array>
  } finally {
    out.destroy()
    // At its own end it has ended already; else nobody wants what it would still say.
    await running.stop({ signal: 'SIGKILL', graceMs: 0 })
    await Promise.allSettled([feeding, ended])
  }
}

/** Resolves when more can be written, or never will be. */
function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error']) stream.once(event, done)
  })
}

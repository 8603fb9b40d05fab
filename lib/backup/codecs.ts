import { PassThrough, Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import type { BackupFile } from '../model/backup.ts'
import { FailureError, unwrap } from '../model/failure.ts'
import { findProgram } from '../system/machine.ts'
import { startProcess } from '../system/processes.ts'

/** How a file of a backup is compressed. */
export type Codec = BackupFile['codec']

// Node.js 22.15 and 23.8 brought zstd (nodejs.org/api/zlib.html); the types here are those of 20.
type WithZstd = {
  createZstdCompress?(options: object): Transform
  createZstdDecompress?(options: object): Transform
}
const { createZstdCompress, createZstdDecompress } = zlib as WithZstd

const chunkSize = 256 * 1024

/** The program that does what an older Node.js cannot; in a process of its own, so it also takes a core of its own. */
const zstdProgram = (): string | undefined => findProgram('zstd')

/** The best codec of this machine: zstd by its program or by Node.js, else gzip. */
export const bestCodec = (): Exclude<Codec, 'none'> => (createZstdCompress || zstdProgram() ? 'zstd' : 'gzip')

/** Compresses a stream. gzip at level 1: on a dump, level 6 takes twice as long for a tenth less. Failure: `codec-missing`. */
export function compress(codec: Codec, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (codec === 'none') return source
  if (codec === 'gzip') return through(source, zlib.createGzip({ level: 1, chunkSize, memLevel: 9 }))
  const program = zstdProgram()
  if (program) return throughProgram(source, [program, '-q', '-3', '-T1', '-c'])
  if (createZstdCompress) return through(source, createZstdCompress({ chunkSize }))
  throw new FailureError(zstdMissing())
}

/** Expands a stream. It fails where the input ends too early or is no such stream. Failure: `codec-missing`. */
export function expand(codec: Codec, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (codec === 'none') return source
  if (codec === 'gzip') return through(source, zlib.createGunzip({ chunkSize }))
  const program = zstdProgram()
  if (program) return throughProgram(source, [program, '-q', '-d', '-c'])
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

/** Sends a stream through a program. What fails on either side fails the result, and so does any status but 0. */
async function* throughProgram(
  source: AsyncIterable<Uint8Array>,
  argv: readonly [string, ...string[]],
): AsyncGenerator<Uint8Array> {
  const out = new PassThrough({ highWaterMark: 256 * 1024 })
  let said = ''
  const running = unwrap(
    await startProcess({
      argv,
      graceMs: 1000,
      stdin: 'pipe',
      stdout: (chunk) => (out.write(chunk) || out.destroyed ? undefined : drained(out)),
      stderr: (chunk) => {
        said = `${said}${chunk.toString('utf8')}`.slice(-500)
      },
    }),
  )
  const { stdin } = running
  const feeding = stdin ? pipeline(source, stdin) : Promise.reject(new Error('it has no input'))
  feeding.catch((error: NodeJS.ErrnoException) => {
    // A program that reads no more ends with a status, which says why.
    if (error.code !== 'EPIPE') out.destroy(error)
  })
  const ended = (async () => {
    const { status } = await running.exited
    await running.output
    if (status !== 0) throw new Error(said.trim() || `${argv[0]} ended with status ${status}`)
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

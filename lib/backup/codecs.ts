import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import type { BackupFile } from '../model/backup.ts'
import { FailureError } from '../model/failure.ts'

/** How a file of a backup is compressed. */
export type Codec = BackupFile['codec']

// Node.js 22.15 and 23.8 brought zstd (nodejs.org/api/zlib.html); the types here are those of 20.
type WithZstd = {
  createZstdCompress?(options: object): Transform
  createZstdDecompress?(options: object): Transform
}
const { createZstdCompress, createZstdDecompress } = zlib as WithZstd

const chunkSize = 256 * 1024

/** The best codec that this Node.js has: zstd, else gzip. */
export const bestCodec = (): Exclude<Codec, 'none'> => (createZstdCompress ? 'zstd' : 'gzip')

/**
 * A stream that compresses; undefined for `none`. gzip at level 1: on a dump, level 6 takes twice as long for a tenth less.
 */
export function compressor(codec: Codec): Transform | undefined {
  if (codec === 'none') return undefined
  if (codec === 'gzip') return zlib.createGzip({ level: 1, chunkSize, memLevel: 9 })
  if (!createZstdCompress) throw new FailureError(needsNode())
  return createZstdCompress({ chunkSize })
}

/** A stream that expands; undefined for `none`. It fails where the input ends too early. Failure: `codec-missing`. */
export function expander(codec: Codec): Transform | undefined {
  if (codec === 'none') return undefined
  if (codec === 'gzip') return zlib.createGunzip({ chunkSize })
  if (!createZstdDecompress) throw new FailureError(needsNode())
  return createZstdDecompress({ chunkSize })
}

const needsNode = () => ({
  code: 'codec-missing',
  message: `the backup is compressed with zstd, which Node.js ${process.versions.node} does not have`,
  next: ['run the command with Node.js 22.15 or newer'],
  outcome: 'unchanged' as const,
})

/** Sends a stream through a transform. What fails on either side fails the result, with the first error. */
export async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const feeding = pipeline(Readable.from(source, { objectMode: false, highWaterMark: 1024 * 1024 }), transform)
  // It reaches the reader by the transform, which is destroyed with it.
  feeding.catch(() => {})
  try {
    yield* transform as AsyncIterable<Uint8Array>
  } finally {
    transform.destroy()
    await feeding.catch(() => {})
  }
}

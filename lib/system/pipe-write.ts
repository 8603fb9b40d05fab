import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** The descriptor of a pipe that Node has as a stream; undefined where it does not say. */
export function descriptorOf(pipe: Writable | null | undefined): number | undefined {
  const { fd = -1 } = (pipe as unknown as { _handle?: { fd?: number } } | null | undefined)?._handle ?? {}
  return fd >= 0 ? fd : undefined
}

/**
 * Writes a short text to a pipe at once, past Node's stream, which takes a millisecond the first time. False where the pipe is full, or its
 * descriptor not known: then nothing was written. Throws when nobody reads from it.
 */
export function writeNow(pipe: Writable, text: string): boolean {
  const fd = descriptorOf(pipe)
  // What the stream holds back comes first.
  if (fd === undefined || pipe.writableLength > 0) return false
  const data = Buffer.from(text)
  try {
    const count = writeSync(fd, data)
    if (count < data.length) pipe.write(data.subarray(count))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
    throw error
  }
}

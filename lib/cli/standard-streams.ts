import { fstatSync, statSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/**
 * Whether a descriptor is a terminal. Asks for its kind first: loading what Node knows of terminals (and with it, of sockets) costs more
 * than all else that a list of tasks needs.
 */
export function isTerminal(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor)
    return stats.isCharacterDevice() && stats.rdev !== statSync('/dev/null').rdev && isatty(descriptor)
  } catch {
    return false
  }
}

/** Writes at once, without Node's streams, whose making takes a tenth of Node's start. A reader that went away is no error. */
export function writeAll(descriptor: number, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(descriptor, bytes, sent)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EAGAIN') {
        if (code === 'EPIPE' || code === 'EIO') return
        throw error
      }
      // A pipe that somebody has made non-blocking, and whose reader is slow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

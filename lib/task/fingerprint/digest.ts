import { createHash, hash as hashNow } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { sha256Text } from './sha256-text.ts'

/** Texts up to this length are hashed here: to load Node's module for it takes longer, and where nothing changed nobody else asks for it. */
const short = 2048

/** SHA-256 in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return typeof data === 'string' && data.length <= short ? sha256Text(data) : hashNow('sha256', data, 'hex')
}

/** A SHA-256 of many pieces; what is added is set off, so that no two lists of pieces give the same. */
export class Digest {
  readonly #hash = createHash('sha256')
  #waiting = ''

  /** Adds text. It must hold no line break, or be the last that is added. */
  add(text: string): void {
    this.#waiting += `${text}\n`
    // One long string costs less than many calls.
    if (this.#waiting.length > 65_536) this.#flush()
  }

  /** The digest in hexadecimal; nothing can be added afterwards. */
  end(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#waiting)
    this.#waiting = ''
  }
}

/** Files up to this size are read in one piece, in bytes. */
const wholeUpTo = 1 << 24

/** SHA-256 of a file's content. `size` is what is known of its size, in bytes. Throws what the system says. */
export function hashFile(path: string, size: number): string {
  if (size <= wholeUpTo) return sha256(readFileSync(path))
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(1 << 20)
  const file = openSync(path, 'r')
  try {
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

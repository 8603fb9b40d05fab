import { createHash, hash as hashNow } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { sha256Short } from './sha256-text.ts'

/** What is not longer is hashed here: to load Node's module for it takes longer, and where nothing changed nobody else asks for it. */
const short = 2048
/** So many files that are not longer are; more of them would take longer in their turn. */
let shortFiles = 4

/** SHA-256 in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return typeof data === 'string' && data.length <= short ? sha256Short(data) : hashNow('sha256', data, 'hex')
}

/** Has Node's module loaded, for what is long: where there is nothing else to do. */
export function prepareDigests(): void {
  hashNow('sha256', '')
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
  if (size <= wholeUpTo) {
    const bytes = readFileSync(path)
    if (bytes.length > short || shortFiles === 0) return sha256(bytes)
    shortFiles -= 1
    return sha256Short(bytes)
  }
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

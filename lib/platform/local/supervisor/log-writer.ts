import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import type { Redactor } from '../../../log/redact.ts'

/** How a log is rotated. */
export type LogOptions = {
  /** A file that would become longer is set aside; default 10 MiB. */
  maxBytes?: number
  /** How many files there are at most, the current one included; default 5. */
  files?: number
  /** Keeps secrets out of it. */
  redactor?: Redactor
  now?: () => Date
}

/** A longer line is cut into several. */
const longestLine = 64 * 1024
/** With more than this waiting to be written, the service is held back. */
const mostWaiting = 1024 * 1024

/** The path of a set-aside log file; 1 is the newest. */
export const rotatedPath = (path: string, index: number): string => (index === 0 ? path : `${path}.${index}`)

/**
 * A service's log: each line with its time (ISO 8601), in files of a bounded size. It never throws: what cannot be written is counted, and
 * said in the log as soon as that works again. It does not make its folder: one that somebody has removed stays removed.
 */
export class LogWriter {
  readonly #path: string
  readonly #maxBytes: number
  readonly #files: number
  readonly #now: () => Date
  readonly #redactor: Redactor | undefined
  #handle: FileHandle | undefined
  #size = 0
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  #lost = 0
  #lostWhy = ''

  constructor(path: string, options: LogOptions = {}) {
    this.#path = path
    this.#maxBytes = options.maxBytes ?? 10 * 1024 * 1024
    this.#files = options.files ?? 5
    this.#now = options.now ?? (() => new Date())
    this.#redactor = options.redactor
  }

  /**
   * Takes the output of one stream, in chunks. The promise holds the writer back while too much waits. `end` takes the last line, which
   * may lack its line break.
   */
  stream(): { write(chunk: Buffer): Promise<void> | undefined; end(): void } {
    let rest: Buffer = Buffer.alloc(0)
    const redaction = this.#redactor?.byteStream()
    const cut = (length: number) => {
      this.#line(rest.subarray(0, length).toString('utf8'))
      rest = rest.subarray(length)
    }
    return {
      write: (raw) => {
        const chunk = redaction?.write(raw) ?? raw
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
          while (at > longestLine) {
            const length = wholeCharacters(rest, longestLine)
            cut(length)
            at -= length
          }
          this.#line(rest.subarray(0, at).toString('utf8'))
          rest = rest.subarray(at + 1)
        }
        while (rest.length > longestLine) cut(wholeCharacters(rest, longestLine))
        // A chunk is a part of a larger buffer, which a short rest would keep alive.
        rest = Buffer.from(rest)
        return this.#waitingBytes > mostWaiting ? this.flush() : undefined
      },
      end: () => {
        if (redaction) rest = Buffer.concat([rest, redaction.end()])
        if (rest.length > 0) cut(rest.length)
      },
    }
  }

  /** A line of the supervisor's own. */
  note(text: string): void {
    this.#line(`[vital-ops] ${text}`)
  }

  /** Resolves when everything that was taken is with the system. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  /** Writes what waits and closes the file; a later line opens it again. */
  async close(): Promise<void> {
    await this.flush()
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
  }

  #line(text: string): void {
    const shown = text.endsWith('\r') ? text.slice(0, -1) : text
    const line = Buffer.from(`${this.#now().toISOString()} ${shown}\n`)
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    this.#writing ??= this.#writeWaiting()
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      this.#waitingBytes = 0
      try {
        await this.#write(lines)
      } catch (error) {
        this.#lost += lines.length
        this.#lostWhy = (error as Error).message
        await this.#handle?.close().catch(() => {})
        this.#handle = undefined
      }
    }
    // In the same step as the last look at what waits: a line that comes later starts the next round.
    this.#writing = undefined
  }

  async #write(lines: Buffer[]): Promise<void> {
    await this.#open()
    if (this.#lost > 0) {
      const lost = `${this.#now().toISOString()} [vital-ops] ${this.#lost} lines were lost: ${this.#lostWhy}\n`
      lines = [Buffer.from(lost), ...lines]
    }
    let batch: Buffer[] = []
    let length = 0
    for (const line of lines) {
      if (this.#size + length > 0 && this.#size + length + line.length > this.#maxBytes) {
        await this.#append(batch)
        await this.#rotate()
        batch = []
        length = 0
      }
      batch.push(line)
      length += line.length
    }
    await this.#append(batch)
    this.#lost = 0
  }

  async #append(lines: Buffer[]): Promise<void> {
    const handle = await this.#open()
    const bytes = Buffer.concat(lines)
    await handle.appendFile(bytes)
    this.#size += bytes.length
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle) {
      // Somebody removed the file: what is written from now on would be nowhere.
      if ((await this.#handle.stat()).nlink > 0) return this.#handle
      await this.#handle.close()
    }
    this.#handle = await open(this.#path, 'a', 0o600)
    this.#size = (await this.#handle.stat()).size
    return this.#handle
  }

  async #rotate(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    this.#size = 0
    const files = this.#files
    if (files === 1) return unlink(this.#path).catch(() => {})
    for (let index = files - 1; index > 0; index--) {
      await rename(rotatedPath(this.#path, index - 1), rotatedPath(this.#path, index)).catch(() => {})
    }
  }
}

/** The most bytes, up to `most`, that end with a whole UTF-8 character. */
function wholeCharacters(bytes: Buffer, most: number): number {
  let length = most
  while (length > most - 4 && ((bytes[length] as number) & 0xc0) === 0x80) length--
  return length
}

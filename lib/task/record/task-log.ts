import { appendFileSync } from 'node:fs'
import { plainLine } from '../../log/plain-line.ts'

/** The most that is kept of the beginning of a task's output, in bytes. */
export const headBytes = 8 * 1024 * 1024
/** The most that is kept of its end, where there is more. */
export const tailBytes = 128 * 1024
/** What is gathered before it is written at once. */
const gatheredBytes = 64 * 1024
/** What is kept of the end in memory of a task that has ended, for its last lines. */
const lastBytes = 4 * 1024

/** What a task has written: its beginning goes to a file now and then, its end is kept in memory until the task ends. */
export class TaskLog {
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #written = 0
  #tail: Uint8Array[] = []
  #tailBytes = 0
  #leftOut = 0
  #open = false
  /** Whether anything but its commands is in it. */
  hasOutput = false

  /** Takes a piece of output. True when so much is gathered that it should be written. */
  add(data: Uint8Array): boolean {
    if (data.length === 0) return false
    this.#open = data.at(-1) !== 10
    this.#keepTail(data)
    if (this.#written + this.#gatheredBytes >= headBytes) {
      this.#leftOut += data.length
      return false
    }
    this.#gathered.push(data)
    this.#gatheredBytes += data.length
    return this.#gatheredBytes >= gatheredBytes
  }

  /** Takes a line that is no output. */
  addLine(text: string): boolean {
    return this.add(Buffer.from(`${this.#open ? '\n' : ''}${text}\n`))
  }

  /** Writes what is gathered. Throws as `fs` does. */
  write(path: string): void {
    if (this.#gathered.length === 0) return
    const data = Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#written += data.length
    appendFileSync(path, data, { mode: 0o600 })
  }

  /** Writes all that is left: where the output was too long, its end behind a line that says so. */
  end(path: string): void {
    this.write(path)
    if (this.#leftOut > 0) {
      const tail = Buffer.concat(this.#tail).subarray(-Math.min(this.#leftOut, tailBytes))
      const lost = this.#leftOut - tail.length
      appendFileSync(path, lost > 0 ? Buffer.concat([Buffer.from(`\n… ${lost} bytes left out …\n`), tail]) : tail)
      this.#leftOut = 0
    }
  }

  /** Lets go of all but the last lines. */
  shrink(): void {
    const last = Buffer.from(Buffer.concat(this.#tail).subarray(-lastBytes))
    this.#tail = [last]
    this.#tailBytes = last.length
  }

  /** The last lines, as plain text, without the empty ones at the end. */
  lines(count: number): string[] {
    const text = Buffer.concat(this.#tail).toString().trimEnd()
    return text === '' ? [] : text.split('\n').slice(-count).map(plainLine)
  }

  #keepTail(data: Uint8Array): void {
    this.#tail.push(data)
    this.#tailBytes += data.length
    if (this.#tailBytes <= 2 * tailBytes) return
    const kept = Buffer.from(Buffer.concat(this.#tail).subarray(-tailBytes))
    this.#tail = [kept]
    this.#tailBytes = kept.length
  }
}

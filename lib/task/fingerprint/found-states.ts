import { stateSize } from '../../system/find-states.ts'

/** Where in a line of `findStates` its parts are, and how long they are. */
const ctimeAt = 0
const inodeAt = 22
const lastAt = 43
const numberLength = 20

/** What `findStates` has found of folders, and behind them of files: a line each. */
export class FoundStates {
  readonly #bytes: Buffer
  readonly #folders: number

  private constructor(bytes: Buffer, folders: number) {
    this.#bytes = bytes
    this.#folders = folders
  }

  /** What stands in these lines; undefined where they are not so many, of so many folders and so many files. */
  static of(bytes: Buffer, folders: number, files: number): FoundStates | undefined {
    return bytes.length === (folders + files) * stateSize ? new FoundStates(bytes, folders) : undefined
  }

  /** The same of folders alone, with which these lines begin. */
  static ofFolders(bytes: Buffer, folders: number): FoundStates | undefined {
    return bytes.length < folders * stateSize ? undefined : new FoundStates(bytes, folders)
  }

  /** The lines of the files. */
  get fileBytes(): Buffer {
    return this.#bytes.subarray(this.#folders * stateSize)
  }

  /** Whether these are the same lines. */
  equals(other: FoundStates): boolean {
    return this.#folders === other.#folders && this.#bytes.equals(other.#bytes)
  }

  /** Whether a folder has that device, that inode, and that ctime in nanoseconds. */
  isFolderAs(at: number, [device, inode, ctime]: readonly [device: string, inode: string, ctime: string]): boolean {
    const from = at * stateSize
    const line = this.#bytes.toString('latin1', from, from + stateSize)
    return (
      line.slice(0, 10) + line.slice(11, 20) === ctime &&
      line.slice(inodeAt, inodeAt + numberLength).trimEnd() === inode &&
      line.slice(lastAt, lastAt + numberLength).trimEnd() === device
    )
  }

  /** Whether a file has the size, the ctime in milliseconds and the inode that stand at 0, 2 and 3 of these numbers, from a place on. */
  isFileAs(at: number, numbers: Float64Array, from: number): boolean {
    const line = (this.#folders + at) * stateSize
    return (
      this.#time(line + ctimeAt) === numbers[from + 2] &&
      this.#number(line + inodeAt, numberLength) === numbers[from + 3] &&
      this.#number(line + lastAt, numberLength) === numbers[from]
    )
  }

  /** Milliseconds, as Node computes them from seconds and nanoseconds; NaN for what is no time. */
  #time(at: number): number {
    if (this.#bytes[at + 10] !== 46) return Number.NaN
    return this.#number(at, 10) * 1000 + this.#number(at + 11, 9) / 1_000_000
  }

  /** A number with spaces behind it; NaN for what is none. */
  #number(at: number, length: number): number {
    const bytes = this.#bytes
    let value = 0
    const end = at + length
    for (let index = at; index < end; index += 1) {
      const byte = bytes[index] as number
      if (byte === 32 && index > at) break
      if (byte < 48 || byte > 57) return Number.NaN
      value = value * 10 + byte - 48
    }
    return value
  }
}

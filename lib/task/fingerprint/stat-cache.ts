/*
 * Which content files have, by their size, times and inode: `<workspace>/.ops/cache/files`. A file whose four are as noted is not read again.
 * mtime alone would not do: programs set it (cp -p, tar, git), and a file may be replaced by another of its size; ctime and inode tell.
 * A file that changed in the two seconds before it was noted is read again every time until it has come to rest, because a second change
 * could have the same times ("racy git": Documentation/technical/racy-git.adoc of git).
 *
 * The file is columns, since a run that finds everything unchanged does little else than read it: a line of JSON, then five 64-bit floats a file
 * (size, mtime, ctime, inode, when it was noted; times in milliseconds with fractions), then SHA-256 in 32 bytes each, then the paths.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, type Stats, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hashFile } from './digest.ts'

/** Times of some file systems are this coarse, in milliseconds. */
const granularity = 2000
/** What nobody asked for in this time is forgotten when the file is next written, in milliseconds. */
const forgetAfter = 30 * 86_400_000
/** Another layout of the file gets another number. */
const format = 1
const columns = 5

/** The file in which a workspace's contents are noted. */
export const statCachePath = (workspace: string): string => join(workspace, '.ops', 'cache', 'files')

/** Knows the contents of files. One for a process and a workspace. */
export class StatCache {
  readonly #file: string
  #paths: string[] = []
  #numbers: Float64Array = new Float64Array()
  #hashes: Buffer = Buffer.alloc(0)
  /** Where each path is; made when files are not asked for in the order in which they are kept. */
  #places: Map<string, number> | undefined
  /** The place behind that of the last file asked for. */
  #next = 0
  readonly #added = new Map<string, { numbers: number[]; hash: string }>()
  #asked = new Uint8Array()
  #read = false

  constructor(file: string) {
    this.#file = file
  }

  /** SHA-256 of a file's content in hexadecimal. Reads the file only where it has to. Throws what the system says. */
  hash(path: string, stats: Stats): string {
    const place = this.place(path, stats)
    return place >= 0 ? this.#hashes.toString('hex', place * 32, place * 32 + 32) : this.#hashNow(path, stats)
  }

  /** The digests of files at these places, 32 bytes each. Valid until `save`. */
  hashes(from: number, behind: number): Uint8Array {
    return this.#hashes.subarray(from * 32, behind * 32)
  }

  /** The place of a file that is as noted; -1 where it has to be read, or was in this process. */
  place(path: string, stats: Stats): number {
    this.#load()
    if (this.#added.size > 0 && this.#added.has(path)) return -1
    const place = this.#place(path)
    if (place < 0) return -1
    this.#asked[place] = 1
    return holds(this.#numbers, place * columns, stats) ? place : -1
  }

  #hashNow(path: string, stats: Stats): string {
    const added = this.#added.get(path)
    if (added !== undefined && holds(added.numbers, 0, stats)) return added.hash
    const noted = Date.now()
    const hash = hashFile(path, stats.size)
    this.#added.set(path, { numbers: [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino, noted], hash })
    return hash
  }

  /** Keeps what was found out. A cache: where it cannot be written, nothing is lost but time. */
  save(): void {
    if (this.#added.size === 0) return
    const keptAt = this.#paths.flatMap((path, at) => (this.#isKept(path, at) ? [at] : []))
    const count = keptAt.length + this.#added.size
    const numbers = new Float64Array(count * columns)
    const hashes = Buffer.alloc(count * 32)
    const paths: string[] = []
    for (const at of keptAt) {
      numbers.set(this.#numbers.subarray(at * columns, (at + 1) * columns), paths.length * columns)
      this.#hashes.copy(hashes, paths.length * 32, at * 32, at * 32 + 32)
      paths.push(this.#paths[at] as string)
    }
    for (const [path, entry] of this.#added) {
      numbers.set(entry.numbers, paths.length * columns)
      hashes.write(entry.hash, paths.length * 32, 'hex')
      paths.push(path)
    }
    this.#write(numbers, hashes, paths)
    this.#paths = paths
    this.#numbers = numbers
    this.#hashes = hashes
    this.#places = undefined
    this.#asked = new Uint8Array(count).fill(1)
    this.#added.clear()
  }

  #isKept(path: string, at: number): boolean {
    if (this.#added.has(path)) return false
    return this.#asked[at] === 1 || (this.#numbers[at * columns + 4] as number) > Date.now() - forgetAfter
  }

  #write(numbers: Float64Array, hashes: Buffer, paths: readonly string[]): void {
    const head = Buffer.alloc(32, ' ')
    head.write(JSON.stringify({ format, count: paths.length }))
    head[31] = 10
    const temporary = `${this.#file}.${process.pid}`
    try {
      mkdirSync(dirname(this.#file), { recursive: true })
      const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
      writeFileSync(temporary, Buffer.concat([head, bytes, hashes, Buffer.from(paths.join('\0'))]))
      renameSync(temporary, this.#file)
    } catch {
      rmSync(temporary, { force: true })
    }
  }

  #place(path: string): number {
    if (this.#paths[this.#next] === path) {
      this.#next += 1
      return this.#next - 1
    }
    if (this.#places === undefined) {
      this.#places = new Map()
      for (let at = 0; at < this.#paths.length; at += 1) this.#places.set(this.#paths[at] as string, at)
    }
    const place = this.#places.get(path)
    if (place === undefined) return -1
    this.#next = place + 1
    return place
  }

  #load(): void {
    if (this.#read) return
    this.#read = true
    let bytes: Buffer
    try {
      bytes = readFileSync(this.#file)
      const head = JSON.parse(bytes.toString('latin1', 0, 32)) as { format: number; count: number }
      if (head.format !== format) return
      const behindNumbers = 32 + head.count * columns * 8
      const behindHashes = behindNumbers + head.count * 32
      // A copy: a view of numbers has to begin at a multiple of eight.
      const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset + 32, bytes.byteOffset + behindNumbers))
      const paths = bytes.length > behindHashes ? bytes.toString('utf8', behindHashes).split('\0') : []
      if (paths.length !== head.count) return
      this.#numbers = numbers
      this.#hashes = bytes.subarray(behindNumbers, behindHashes)
      this.#paths = paths
      this.#asked = new Uint8Array(head.count)
    } catch {
      // Absent or damaged: everything is read once more.
    }
  }
}

/** Whether a file is as noted, and had come to rest by then. */
function holds(numbers: ArrayLike<number>, from: number, stats: Stats): boolean {
  return (
    numbers[from] === stats.size &&
    numbers[from + 1] === stats.mtimeMs &&
    numbers[from + 2] === stats.ctimeMs &&
    numbers[from + 3] === stats.ino &&
    Math.max(stats.mtimeMs, stats.ctimeMs) < (numbers[from + 4] as number) - granularity
  )
}

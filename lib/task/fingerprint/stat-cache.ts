/*
 * Which content files have, by their size, times and inode: `<workspace>/.ops/cache/files`. A file whose four are as noted is not read again.
 * mtime alone would not do: programs set it (cp -p, tar, git), and a file may be replaced by another of its size; ctime and inode tell.
 * A file that changed in the two seconds before it was noted is read again every time until it has come to rest, because a second change
 * could have the same times ("racy git": Documentation/technical/racy-git.adoc of git).
 *
 * A run that finds everything unchanged does little else than read this file, so it makes no object for each of its files (stat-cache-file.ts).
 * Beside the files are digests of lists of them, which stand for all that lies at their places.
 */
import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { hashFile } from './digest.ts'
import {
  columns,
  emptyColumns,
  type FileColumns,
  type List,
  placesOf,
  readColumns,
  runsOf,
  writeColumns,
} from './stat-cache-file.ts'

/** Times of some file systems are this coarse, in milliseconds. */
const granularity = 2000
/** Of so many lists digests are kept; of those that changed last. */
const mostLists = 200
/** What nobody asked for in this time is forgotten when the file is next written, in milliseconds. */
const forgetAfter = 30 * 86_400_000

/** The file in which a workspace's contents are noted. */
export const statCachePath = (workspace: string): string => join(workspace, '.ops', 'cache', 'files')

type Added = { numbers: number[]; hash: string }

/** Files in the order of a walk, at their places; of those without one, the hash by their place in the list, and the path. */
export type ListedFiles = { places: readonly number[]; others: ReadonlyMap<number, { path: string; hash: string }> }

/** Knows the contents of files. One for a process and a workspace. */
export class StatCache {
  readonly #file: string
  #columns: FileColumns = emptyColumns
  /** Where each path is; made when files are not asked for in the order in which they are kept. */
  #places: Map<string, number> | undefined
  /** Where each path begins in the text of all; made with `#places`. */
  #offsets: readonly number[] = []
  /** The place behind that of the last file asked for, and where its path begins. */
  #next = 0
  #offset = 0
  readonly #added = new Map<string, Added>()
  readonly #noted = new Map<string, ListedFiles & { digest: string }>()
  #asked = new Uint8Array()
  #isRead = false

  constructor(file: string) {
    this.#file = file
  }

  /** SHA-256 of a file's content in hexadecimal. Reads the file only where it has to. Throws what the system says. */
  hash(path: string, stats: Stats): string {
    const place = this.place(path, stats)
    return place >= 0 ? hashAt(this.#columns, place) : this.#hashNow(path, stats)
  }

  /** The place of a file that is as noted; -1 where it has to be read, or was in this process. */
  place(path: string, stats: Stats): number {
    this.#load()
    const place = this.#place(path)
    if (place < 0) return -1
    this.#asked[place] = 1
    if (this.#added.size > 0 && this.#added.has(path)) return -1
    return holds(this.#columns.numbers, place * columns, stats) ? place : -1
  }

  /** What is known of the files at all places. Stays as it is when the cache changes. */
  get columns(): FileColumns {
    this.#load()
    return this.#columns
  }

  /** The digest of a list that was noted under this key, if it is of the files at these places. */
  listDigest(key: string, places: readonly number[]): string | undefined {
    const list = this.columns.lists.get(key)
    return list !== undefined && isSame(list.runs, runsOf(places)) ? list.digest : undefined
  }

  /** Notes the digest of a list of files. */
  noteList(key: string, digest: string, files: ListedFiles): void {
    this.#noted.set(key, { ...files, digest })
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
    if (this.#added.size === 0 && this.#noted.size === 0) return
    this.#load()
    const before = this.#columns
    const old = pathsOf(before)
    const rest = new Map(this.#added)
    const rows: { at: number; path: string; added?: Added }[] = []
    const takeNew = (path: string): void => {
      const added = rest.get(path)
      if (added !== undefined) rows.push({ at: -1, path, added })
      rest.delete(path)
    }
    const behind = this.#newBehind()
    /** Where what lies at a place will lie; -1 for what changed or is forgotten. */
    const moved = new Int32Array(old.length).fill(-1)
    for (const [at, path] of old.entries()) {
      const added = rest.get(path)
      // In the place of what it was: in the order of a walk the next one is found fastest.
      if (added !== undefined) rows.push({ at, path, added })
      else if (this.#isKept(at)) moved[at] = rows.push({ at, path }) - 1
      rest.delete(path)
      for (const one of behind.get(at) ?? []) takeNew(one)
    }
    for (const path of [...rest.keys()]) takeNew(path)
    const numbers = new Float64Array(rows.length * columns)
    const hashes = Buffer.alloc(rows.length * 32)
    const now = new Map<string, number>()
    for (const [place, { at, path, added }] of rows.entries()) {
      if (added === undefined) {
        numbers.set(before.numbers.subarray(at * columns, (at + 1) * columns), place * columns)
        before.hashes.copy(hashes, place * 32, at * 32, at * 32 + 32)
        continue
      }
      numbers.set(added.numbers, place * columns)
      hashes.write(added.hash, place * 32, 'hex')
      now.set(path, place)
    }
    const lists = new Map<string, List>()
    const keep = (key: string, places: readonly number[], digest: string): void => {
      lists.delete(key)
      if (!places.includes(-1)) lists.set(key, { runs: runsOf(places), digest })
    }
    for (const [key, { runs, digest }] of before.lists) {
      keep(
        key,
        placesOf(runs).map((place) => moved[place] ?? -1),
        digest,
      )
    }
    for (const [key, { places, others, digest }] of this.#noted) {
      const placeOf = (place: number, at: number): number => {
        const other = others.get(at)
        if (other === undefined) return moved[place] ?? -1
        // It may have been read again since, and be another.
        return this.#added.get(other.path)?.hash === other.hash ? (now.get(other.path) ?? -1) : -1
      }
      keep(key, places.map(placeOf), digest)
    }
    for (const key of [...lists.keys()].slice(0, -mostLists)) lists.delete(key)
    const text = rows.map(({ path }) => path).join('\0')
    const made: FileColumns = { count: rows.length, numbers, hashes, text, lists }
    writeColumns(this.#file, made)
    this.#take(made)
    this.#asked.fill(1)
    this.#added.clear()
    this.#noted.clear()
  }

  /** Which new files come behind a known one, so that the next one asked for is the next one there. */
  #newBehind(): ReadonlyMap<number, readonly string[]> {
    const behind = new Map<number, string[]>()
    for (const { places, others } of this.#noted.values()) {
      if (others.size === 0) continue
      this.#places ??= this.#index()
      let last = -1
      for (const [at, place] of places.entries()) {
        const path = others.get(at)?.path
        const known = path === undefined ? place : this.#places.get(path)
        if (known !== undefined) last = known
        else if (path !== undefined && last >= 0) behind.set(last, [...(behind.get(last) ?? []), path])
      }
    }
    return behind
  }

  #isKept(at: number): boolean {
    return this.#asked[at] === 1 || (this.#columns.numbers[at * columns + 4] as number) > Date.now() - forgetAfter
  }

  #place(path: string): number {
    if (this.#isNext(path)) return this.#next - 1
    if (this.#next === this.#columns.count) {
      // What was looked at before is looked at once more.
      this.#next = 0
      this.#offset = 0
      if (this.#isNext(path)) return 0
    }
    this.#places ??= this.#index()
    const place = this.#places.get(path)
    if (place === undefined) return -1
    this.#next = place + 1
    this.#offset = this.#offsets[place + 1] as number
    return place
  }

  /** Whether a path is the next one; goes on behind it then. */
  #isNext(path: string): boolean {
    const { text, count } = this.#columns
    if (this.#next >= count || !text.startsWith(path, this.#offset)) return false
    const end = this.#offset + path.length
    if (end !== text.length && text.charCodeAt(end) !== 0) return false
    this.#offset = end + 1
    this.#next += 1
    return true
  }

  #index(): Map<string, number> {
    const places = new Map<string, number>()
    const offsets = [0]
    let end = 0
    for (const path of pathsOf(this.#columns)) {
      places.set(path, places.size)
      end += path.length + 1
      offsets.push(end)
    }
    this.#offsets = offsets
    return places
  }

  #load(): void {
    if (this.#isRead) return
    this.#isRead = true
    this.#take(readColumns(this.#file))
  }

  #take(made: FileColumns): void {
    this.#columns = made
    this.#places = undefined
    this.#next = 0
    this.#offset = 0
    this.#asked = new Uint8Array(made.count)
  }
}

/** The paths of all files, in the order of their places. */
export const pathsOf = ({ count, text }: FileColumns): string[] => (count === 0 ? [] : text.split('\0'))

/** SHA-256 of what lies at a place, in hexadecimal. */
export const hashAt = ({ hashes }: FileColumns, place: number): string =>
  hashes.toString('hex', place * 32, place * 32 + 32)

const isSame = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((number, at) => number === other[at])

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

/*
 * Which content files have, by their size, times and inode: `<workspace>/.ops/cache/files`. A file whose four are as noted is not read again.
 * mtime alone would not do: programs set it (cp -p, tar, git), and a file may be replaced by another of its size; ctime and inode tell.
 * A file that changed in the two seconds before it was noted is read again every time until it has come to rest, because a second change
 * could have the same times ("racy git": Documentation/technical/racy-git.adoc of git).
 *
 * A run that finds everything unchanged does little else than read this file, so it makes no object for each of its files (stat-cache-file.ts).
 * Beside the files are digests of lists of them, which stand for all that lies at their places.
 */
import { lstatSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import { holds, isAtRest } from './at-rest.ts'
import { hashFile } from './digest.ts'
import { FoundStates } from './found-states.ts'
import { type FoundPieces, type ListLook, lookAtList, writeLooks } from './look-files.ts'
import { keepSeen, SeenStates } from './seen-states.ts'
import {
  columns,
  emptyColumns,
  type FileColumns,
  type List,
  pathsOf,
  placesOf,
  readColumns,
  writeColumns,
} from './stat-cache-file.ts'
import { type Added, merged, type NotedList } from './stat-cache-merge.ts'
import { isSteady } from './steady.ts'

/** What nobody asked for in this time is forgotten when the file is next written, in milliseconds. */
const forgetAfter = 30 * 86_400_000

/** A file that is not as noted. */
export type ChangedFile = { path: string; stats: Stats; hash: string; place: number }

/** The file in which a workspace's contents are noted. */
export const statCachePath = (workspace: string): string => join(workspace, '.ops', 'cache', 'files')

/** Of so many files that may have another content, one is looked for that has. */
const mostToTry = 8

const orUndefined = { throwIfNoEntry: false } as const

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
  readonly #noted = new Map<string, NotedList>()
  #asked = new Uint8Array()
  #isRead = false
  /** What was last found of a list, and which of its files are not as noted. */
  #seen: { list: List; states: SeenStates | undefined } | undefined
  #found: { list: List; states: FoundStates; suspects: ReadonlySet<number> } | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** SHA-256 of a file's content in hexadecimal. Reads the file only where it has to. Throws what the system says. */
  hash(path: string, stats: Stats): string {
    this.#load()
    const place = this.#place(path)
    return this.#isAt(place, path, stats) ? hashAt(this.#columns, place) : this.#hashNow(path, stats, place)
  }

  /** The place of a file that is as noted; -1 where it has to be read, or was in this process. */
  place(path: string, stats: Stats): number {
    this.#load()
    const place = this.#place(path)
    return this.#isAt(place, path, stats) ? place : -1
  }

  #isAt(place: number, path: string, stats: Stats): boolean {
    if (place < 0) return false
    this.#asked[place] = 1
    if (this.#added.size > 0 && this.#added.has(path)) return false
    return holds(this.#columns.numbers, place * columns, stats)
  }

  /** What is known of the files at all places. Stays as it is when the cache changes. */
  get columns(): FileColumns {
    this.#load()
    return this.#columns
  }

  /** The list that was noted under this key. */
  list(key: string): List | undefined {
    return this.columns.lists.get(key)
  }

  /** Looks at the files of the list under a key beside this process; undefined where `changed` would be faster. */
  look(key: string): ListLook | undefined {
    return lookAtList(dirname(this.#file), this.list(key))
  }

  /** Whether what was found of a list so far tells that a file has another content, and that nothing came and nothing went. */
  differs(list: List, found: FoundPieces): boolean {
    const folders = FoundStates.ofFolders(found.pieces[0] ?? Buffer.alloc(0), found.folders)
    if (folders === undefined || !list.steady || !isSteady(list.steady, folders)) return false
    const unlike = this.#seenOf(list)?.unlike(found, mostToTry) ?? []
    return unlike.some((at) => this.#differsAt(placesOf(list.runs)[at] as number))
  }

  #differsAt(place: number): boolean {
    const start = this.#offsetOf(place)
    const end = this.columns.text.indexOf('\0', start)
    const path = this.columns.text.slice(start, end < 0 ? undefined : end)
    const stats = lstatSync(path, orUndefined)
    if (stats === undefined || !stats.isFile() || holds(this.#columns.numbers, place * columns, stats)) return false
    return this.#hashNow(path, stats, place) !== hashAt(this.#columns, place)
  }

  #seenOf(list: List): SeenStates | undefined {
    if (this.#seen?.list !== list) this.#seen = { list, states: SeenStates.read(dirname(this.#file), list) }
    return this.#seen.states
  }

  /**
   * Looks at the files of a list where they were. Gives those that are not as noted, by their place in the list; undefined when one is gone, or is no
   * file any more.
   *
   * @param isEnough told of each; ends the search
   * @param found what was just found of them
   */
  changed(
    list: List,
    isEnough?: (file: ChangedFile) => boolean,
    found?: FoundStates,
  ): Map<number, ChangedFile> | undefined {
    const { numbers, text } = this.columns
    const { runs } = list
    const suspects = found && this.#suspects(list, found)
    const changed = new Map<number, ChangedFile>()
    // The fewer folders a path goes through, the faster the system finds it.
    const here = `${process.cwd()}/`
    let at = 0
    for (let run = 0; run < runs.length; run += 2) {
      let place = runs[run] as number
      const end = place + (runs[run + 1] as number)
      this.#asked.fill(1, place, end)
      if (suspects?.size === 0) continue
      let offset = this.#offsetOf(place)
      for (; place < end; place += 1) {
        const zero = text.indexOf('\0', offset)
        const next = zero < 0 ? text.length : zero
        if (suspects?.has(at) === false) {
          offset = next + 1
          at += 1
          continue
        }
        const path = text.slice(text.startsWith(here, offset) ? offset + here.length : offset, next)
        const stats = lstatSync(path, orUndefined)
        if (stats === undefined) return undefined
        if (!holds(numbers, place * columns, stats)) {
          if (!stats.isFile()) return undefined
          const whole = text.slice(offset, next)
          const file = { path: whole, stats, hash: this.#hashNow(whole, stats, place), place }
          changed.set(at, file)
          if (isEnough?.(file)) return changed
        }
        offset = next + 1
        at += 1
      }
      this.#next = end
      this.#offset = offset
    }
    return changed
  }

  /** The places in a list of files that were not found as they are noted, or had not come to rest then. */
  #suspects(list: List, found: FoundStates): ReadonlySet<number> {
    if (this.#found?.list === list && this.#found.states.equals(found)) return this.#found.suspects
    const { numbers } = this.#columns
    const isNoted = (at: number, place: number): boolean =>
      found.isFileAs(at, numbers, place * columns) && isAtRest(numbers, place * columns)
    const suspects = new Set<number>()
    const all = { list, found, known: this.#columns }
    const unsure = this.#seenOf(list)?.unsure(all)
    if (unsure === undefined) {
      let at = 0
      for (let run = 0; run < list.runs.length; run += 2) {
        const end = (list.runs[run] as number) + (list.runs[run + 1] as number)
        for (let place = list.runs[run] as number; place < end; place += 1, at += 1) {
          if (!isNoted(at, place)) suspects.add(at)
        }
      }
      keepSeen(dirname(this.#file), all, suspects)
    } else if (unsure.length > 0) {
      const places = placesOf(list.runs)
      for (const at of unsure) if (!isNoted(at, places[at] as number)) suspects.add(at)
    }
    this.#found = { list, states: found, suspects }
    return suspects
  }

  /** Where the path at a place begins. */
  #offsetOf(place: number): number {
    const { text } = this.#columns
    let [at, offset] = place < this.#next ? [0, 0] : [this.#next, this.#offset]
    for (; at < place; at += 1) offset = text.indexOf('\0', offset) + 1
    return offset
  }

  /** Notes a list of files. */
  noteList(key: string, noted: NotedList): void {
    this.#noted.set(key, noted)
  }

  #hashNow(path: string, stats: Stats, place: number): string {
    const added = this.#added.get(path)
    if (added !== undefined && holds(added.numbers, 0, stats)) return added.hash
    const noted = Date.now()
    const hash = hashFile(path, stats.size)
    this.#added.set(path, { numbers: [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino, noted], hash, place })
    return hash
  }

  /** Keeps what was found out. A cache: where it cannot be written, nothing is lost but time. */
  save(): void {
    if (this.#added.size === 0 && this.#noted.size === 0) return
    this.#load()
    const since = Date.now() - forgetAfter
    const isKept = (at: number): boolean =>
      this.#asked[at] === 1 || (this.#columns.numbers[at * columns + 4] as number) > since
    const made = writeColumns(this.#file, merged(this.#columns, { added: this.#added, noted: this.#noted, isKept }))
    writeLooks(dirname(this.#file), made)
    this.#take(made)
    this.#asked.fill(1)
    this.#added.clear()
    this.#noted.clear()
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
    this.#found = undefined
    this.#seen = undefined
    this.#asked = new Uint8Array(made.count)
  }
}

/** SHA-256 of what lies at a place, in hexadecimal. */
export const hashAt = ({ hashes }: FileColumns, place: number): string =>
  hashes.toString('hex', place * 32, place * 32 + 32)

import { lstatSync, type Stats } from 'node:fs'
import { sha256 } from './digest.ts'
import { contentOf, packInputs, pathBytes, relativeTo } from './kept-inputs.ts'
import { lookOf } from './look-files.ts'
import { hashAt, type StatCache } from './stat-cache.ts'
import { columns, type FileColumns, type List, type Look, pathsOf, runsOf } from './stat-cache-file.ts'
import { isEarlier, type Steady, type SteadyNotes } from './steady.ts'

/** The files that patterns match, as they are at one moment. */
export type InputFiles = {
  /** Of all paths, contents and executable bits. */
  digest: string
  /** Relative to the task's folder where they lie in it, in the walk's order. */
  paths: readonly string[]
  /** How the file at this place of `paths` is executed, and the SHA-256 of its content; where it is a link, where that leads. */
  content(at: number): string
  /** The paths and contents of all, for `unpackInputs`. */
  packed(): Buffer
  /** What changes whenever somebody writes to the file at this place of `paths`, also when its content is the same afterwards. */
  stamp(at: number): string
  /**
   * The places of files that were written to meanwhile, in a list of the same files with the same contents; undefined where that cannot be told
   * without looking at each.
   */
  unlike(after: InputFiles): number[] | undefined
}

/** A file that is not as the cache knows it, or is no file; `place` is where the cache has it, if that is known. */
export type Other = { path: string; hash: string; stamp: string; stats?: Stats; place?: number }

/** Files: of those that the cache knows, their places; of the others, what they are, by their place among all. */
export type Listed = {
  places: ArrayLike<number>
  others: ReadonlyMap<number, Other>
  /** How files are executed and reached, where that is not as for most: a plain file without a link to it. In order. */
  kinds: ReadonlyMap<number, string>
  /** The list whose paths they have. */
  list?: List
  /** What the walk that has found them has seen. */
  notes?: SteadyNotes
}

/** Paths of files, and a digest of them. */
export type KnownPaths = { digest: string; list(): readonly string[] }

/** What changes with the content of a file, whoever writes to it. */
export const stampOf = ({ size, mtimeMs, ino }: Stats): string => `${size} ${mtimeMs} ${ino}`

/** Files by their places in the cache; what is not asked for is not made. */
export class ListedInputs implements InputFiles {
  readonly #listed: Listed
  readonly #known: FileColumns
  readonly #options: { key: string; folder: string; cache: StatCache }
  #paths: readonly string[] | undefined
  #digest: string | undefined
  #hashes: Buffer | undefined

  constructor(listed: Listed, options: { key: string; folder: string; cache: StatCache }) {
    this.#listed = listed
    this.#known = options.cache.columns
    this.#options = options
  }

  get digest(): string {
    this.#digest ??= this.#digestNow()
    return this.#digest
  }

  get paths(): readonly string[] {
    this.#paths ??= this.#listPaths()
    return this.#paths
  }

  content(at: number): string {
    const { places, kinds, others } = this.#listed
    return contentOf(kinds.get(at), others.get(at)?.hash ?? hashAt(this.#known, places[at] as number))
  }

  packed(): Buffer {
    const { kinds, list } = this.#listed
    const { folder } = this.#options
    const [from = 0, many = 0, ...more] = list?.runs ?? []
    const isOne = list !== undefined && more.length === 0
    const paths = isOne ? pathBytes(this.#known, from, many) : Buffer.from(this.paths.join('\0'))
    return packInputs({ folder, kinds: [...kinds], hashes: this.#hashesOfAll(), paths })
  }

  stamp(at: number): string {
    const other = this.#listed.others.get(at)
    if (other !== undefined) return other.stamp
    const from = (this.#listed.places[at] as number) * columns
    const [size, mtimeMs, , ino] = this.#known.numbers.subarray(from, from + columns)
    return `${size} ${mtimeMs} ${ino}`
  }

  unlike(after: InputFiles): number[] | undefined {
    if (!(after instanceof ListedInputs) || after.#known !== this.#known) return undefined
    const { places, others, kinds } = this.#listed
    const now = after.#listed
    if (now.places.length !== places.length || kinds.size !== now.kinds.size) return undefined
    for (const [at, kind] of kinds) if (now.kinds.get(at) !== kind) return undefined
    const unlike: number[] = []
    for (let at = 0; at < places.length; at += 1) {
      // At the same place of the cache, nothing at all has changed.
      if (places[at] === now.places[at] && (places[at] as number) >= 0) continue
      const one = others.get(at)
      const other = now.others.get(at)
      if (one === undefined || one.path !== other?.path || one.hash !== other.hash) return undefined
      if (one.stamp !== other.stamp) unlike.push(at)
    }
    return unlike
  }

  /**
   * The first file that was written to at a time of the file systems (steady.ts) or later, or may have been; one that came or went since then, too.
   * `before` are the paths that there were.
   */
  changedSince(time: number, before: KnownPaths): string | undefined {
    if (this.#digestOfPaths() !== before.digest) {
      const now = new Set(this.paths)
      const known = new Set(before.list().map((path) => this.#relative(path)))
      return [...now].find((path) => !known.has(path)) ?? [...known].find((path) => !now.has(path)) ?? this.paths[0]
    }
    for (const [at, other] of this.#listed.others) {
      const { stats, path } = other
      if (stats === undefined) return this.paths[at]
      if (!isEarlier(stats.ctimeMs, time) && !this.#isAsNoted(at, other, stats)) return this.paths[at]
      // Its content was read after it was looked at.
      const now = lstatSync(path, { throwIfNoEntry: false })
      if (now === undefined || stampOf(now) !== stampOf(stats) || now.ctimeMs !== stats.ctimeMs) return this.paths[at]
    }
    return undefined
  }

  /** Only its other names have changed since it was noted, or rights that make no difference. */
  #isAsNoted(at: number, { place, hash }: Other, { size, mtimeMs, ino }: Stats): boolean {
    const { list, kinds } = this.#listed
    if (place === undefined || list === undefined) return false
    const from = place * columns
    const { numbers } = this.#known
    const isSame = numbers[from] === size && numbers[from + 1] === mtimeMs && numbers[from + 3] === ino
    return isSame && hashAt(this.#known, place) === hash && new Map(list.kinds).get(at) === kinds.get(at)
  }

  /** A digest of all paths. */
  #digestOfPaths(): string {
    return this.#listed.list?.paths ?? sha256(this.paths.join('\0'))
  }

  #listPaths(): string[] {
    const { places, others } = this.#listed
    const known = others.size === places.length ? [] : pathsOf(this.#known)
    return Array.from(places, (place, at) => this.#relative(others.get(at)?.path ?? (known[place] as string)))
  }

  #relative(path: string): string {
    return relativeTo(this.#options.folder, path)
  }

  #digestNow(): string {
    const { cache, key } = this.#options
    const { others, list, notes } = this.#listed
    const same = others.size > 0 ? undefined : (list ?? this.#sameList())
    const steady = list?.steady ?? notes?.end()
    // What holds no more, or is not known yet, is noted anew.
    if (same !== undefined && (same === list || steady === undefined)) return same.digest
    const paths = this.#digestOfPaths()
    const digest = same?.digest ?? this.#digestOfAll(paths)
    const kinds = [...this.#listed.kinds]
    const look = this.#look(paths, steady)
    const more = { digest, kinds, paths, ...(steady && { steady }), ...(look && { look }) }
    cache.noteList(key, { ...this.#listed, notes: more })
    return digest
  }

  /** What is to be written down for `find`. */
  #look(paths: string, steady: Steady | undefined): Look | undefined {
    const { list, places } = this.#listed
    if (list?.steady === steady) return list?.look
    return steady && lookOf(this.#options.folder, paths, places.length, steady)
  }

  /** The list that was noted of these very files. */
  #sameList(): List | undefined {
    const { cache, key } = this.#options
    const { places, kinds } = this.#listed
    const list = cache.list(key)
    return list !== undefined && isSame(list, runsOf(places), kinds) ? list : undefined
  }

  /** @param paths a digest of all paths */
  #digestOfAll(paths: string): string {
    // No path holds a zero.
    return sha256(`${paths} ${JSON.stringify([...this.#listed.kinds])} ${sha256(this.#hashesOfAll())}`)
  }

  #hashesOfAll(): Buffer {
    this.#hashes ??= this.#copyHashes()
    return this.#hashes
  }

  #copyHashes(): Buffer {
    const { places, others } = this.#listed
    const hashes = Buffer.alloc(places.length * 32)
    for (let at = 0, end = 0; at < places.length; at = end) {
      const from = places[at] as number
      end = at + 1
      if (from < 0) continue
      // Those that follow each other lie beside each other.
      while (places[end] === from + end - at) end += 1
      this.#known.hashes.copy(hashes, at * 32, from * 32, (from + end - at) * 32)
    }
    for (const [one, { hash }] of others) hashes.write(hash, one * 32, 'hex')
    return hashes
  }
}

const isSame = (list: List, runs: readonly number[], kinds: Listed['kinds']): boolean =>
  list.runs.length === runs.length &&
  runs.every((number, at) => number === list.runs[at]) &&
  list.kinds.length === kinds.size &&
  list.kinds.every(([at, kind]) => kinds.get(at) === kind)

import type { Stats } from 'node:fs'
import { sha256 } from './digest.ts'
import { type Pattern, readPatterns } from './pattern.ts'
import { hashAt, type StatCache } from './stat-cache.ts'
import { columns, type FileColumns, type List, pathsOf, placesOf, runsOf } from './stat-cache-file.ts'
import { isSteady, SteadyNotes } from './steady.ts'
import { walk } from './walk.ts'

/** The files that patterns match, as they are at one moment. */
export type InputFiles = {
  /** Of all paths, contents and executable bits. */
  digest: string
  /** Relative to the task's folder where they lie in it, in the walk's order. */
  paths: readonly string[]
  /** How the file at this place of `paths` is executed, and the SHA-256 of its content; where it is a link, where that leads. */
  content(at: number): string
  /** What changes whenever somebody writes to the file at this place of `paths`, also when its content is the same afterwards. */
  stamp(at: number): string
  /**
   * The places of files that were written to meanwhile, in a list of the same files with the same contents; undefined where that cannot be told
   * without looking at each.
   */
  unlike(after: InputFiles): number[] | undefined
}

/** A file that is not as the cache knows it, or is no file. */
type Other = { path: string; hash: string; stamp: string }

/** Reads which files patterns match, and their contents. Throws `FailureError` for what is no pattern, else what the system says. */
export function readInputs(patterns: readonly string[], folder: string, cache: StatCache): InputFiles {
  const key = JSON.stringify([folder, patterns])
  const listed = listedAgain(cache, key) ?? listedNow(readPatterns(patterns, folder), cache)
  return new ListedInputs(listed, { key, folder, cache })
}

/** The files of a list that would be found again, as they are now; undefined where they have to be looked for. */
function listedAgain(cache: StatCache, key: string): Listed | undefined {
  const list = cache.list(key)
  if (list?.steady === undefined || !isSteady(list.steady)) return undefined
  const changed = cache.changed(list)
  if (changed === undefined) return undefined
  const places = placesOf(list.runs)
  const kinds = new Map(list.kinds)
  const others = new Map<number, Other>()
  for (const [at, { path, stats, hash }] of changed) {
    places[at] = -1
    kinds.delete(at)
    if ((stats.mode & 0o111) !== 0) kinds.set(at, kindOf(stats, undefined))
    others.set(at, { path, hash, stamp: stampOf(stats) })
  }
  return { places, others, kinds: new Map([...kinds].sort(([one], [other]) => one - other)), list }
}

function listedNow(patterns: readonly Pattern[], cache: StatCache): Listed {
  // Of what the cache knows, only the places: objects for each file would cost as much as finding the files.
  const places: number[] = []
  const others = new Map<number, Other>()
  const kinds = new Map<number, string>()
  const notes = new SteadyNotes()
  walk(
    patterns,
    {
      file(path, stats, link) {
        const place = cache.place(path, stats)
        const at = places.push(place) - 1
        if ((stats.mode & 0o111) !== 0 || link !== undefined) kinds.set(at, kindOf(stats, link))
        if (place < 0) others.set(at, { path, hash: cache.hash(path, stats), stamp: stampOf(stats) })
      },
      link(path, target) {
        const at = places.push(-1) - 1
        kinds.set(at, `link ${JSON.stringify(target)}`)
        others.set(at, { path, hash: noHash, stamp: '' })
      },
      read: (path) => notes.read(path),
      absent: (path) => notes.absent(path),
      via: () => notes.link(),
    },
    { followLinks: true },
  )
  return { places, others, kinds, notes }
}

const noHash = '0'.repeat(64)

const stampOf = ({ size, mtimeMs, ino }: Stats): string => `${size} ${mtimeMs} ${ino}`

/** Files: of those that the cache knows, their places; of the others, what they are, by their place among all. */
type Listed = {
  places: readonly number[]
  others: ReadonlyMap<number, Other>
  /** How files are executed and reached, where that is not as for most: a plain file without a link to it. In order. */
  kinds: ReadonlyMap<number, string>
  /** The list whose paths they have. */
  list?: List
  /** What the walk that has found them has seen. */
  notes?: SteadyNotes
}

/** Files by their places in the cache; what is not asked for is not made. */
class ListedInputs implements InputFiles {
  readonly #listed: Listed
  readonly #known: FileColumns
  readonly #options: { key: string; folder: string; cache: StatCache }
  #paths: readonly string[] | undefined
  #digest: string | undefined

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
    const kind = this.#listed.kinds.get(at) ?? 'file'
    if (kind.startsWith('link')) return kind
    const place = this.#listed.places[at] as number
    return `${kind} ${this.#listed.others.get(at)?.hash ?? hashAt(this.#known, place)}`
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

  #listPaths(): string[] {
    const { places, others } = this.#listed
    const { folder } = this.#options
    const inFolder = `${folder === '/' ? '' : folder}/`
    const known = others.size === places.length ? [] : pathsOf(this.#known)
    return places.map((place, at) => {
      const path = others.get(at)?.path ?? (known[place] as string)
      return path.startsWith(inFolder) ? path.slice(inFolder.length) : path
    })
  }

  #digestNow(): string {
    const { cache, key } = this.#options
    const { others, list, notes } = this.#listed
    const same = others.size > 0 ? undefined : (list ?? this.#sameList())
    const steady = list?.steady ?? notes?.end()
    // What holds no more, or is not known yet, is noted anew.
    if (same !== undefined && (same === list || steady === undefined)) return same.digest
    const paths = list?.paths ?? sha256(this.paths.join('\0'))
    const digest = same?.digest ?? this.#digestOfAll(paths)
    const kinds = [...this.#listed.kinds]
    const more = { digest, kinds, paths, ...(steady === undefined ? {} : { steady }) }
    cache.noteList(key, { ...this.#listed, notes: more })
    return digest
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
    const { places, others, kinds } = this.#listed
    const hashes = Buffer.alloc(places.length * 32)
    for (let at = 0; at < places.length; at += 1) {
      const place = places[at] as number
      if (place < 0) hashes.write((others.get(at) as Other).hash, at * 32, 'hex')
      else this.#known.hashes.copy(hashes, at * 32, place * 32, place * 32 + 32)
    }
    // No path holds a zero.
    return sha256(`${paths} ${JSON.stringify([...kinds])} ${sha256(hashes)}`)
  }
}

const isSame = (list: List, runs: readonly number[], kinds: Listed['kinds']): boolean =>
  list.runs.length === runs.length &&
  runs.every((number, at) => number === list.runs[at]) &&
  list.kinds.length === kinds.size &&
  list.kinds.every(([at, kind]) => kinds.get(at) === kind)

const kindOf = ({ mode }: Stats, link: string | undefined): string => {
  const kind = (mode & 0o111) === 0 ? 'file' : 'program'
  return link === undefined ? kind : `${kind} by ${JSON.stringify(link)}`
}

/** The patterns that match nothing at all, which is mostly a slip of the pen. */
export function unmatchedPatterns(patterns: readonly string[], folder: string): string[] {
  const found = new Error('found')
  const stop = (): never => {
    throw found
  }
  return patterns.filter((pattern) => {
    if (pattern.startsWith('!')) return false
    try {
      walk(readPatterns([pattern], folder), { file: stop, link: stop, emptyFolder: stop }, { followLinks: true })
      return true
    } catch (error) {
      return error !== found
    }
  })
}

/** The first input that is not as it was, or was written to meanwhile. `rewritten` are files that may be, if their content stays the same. */
export function changedInput(
  before: InputFiles,
  after: InputFiles,
  rewritten: (path: string) => boolean,
): string | undefined {
  const unlike = before.unlike(after)
  if (unlike !== undefined) {
    const at = unlike.find((one) => !rewritten(before.paths[one] as string))
    return at === undefined ? undefined : before.paths[at]
  }
  if (before.digest !== after.digest) {
    const known = new Map(before.paths.map((path, at) => [path, before.content(at)]))
    const changed = after.paths.find((path, at) => known.get(path) !== after.content(at))
    if (changed !== undefined) return changed
    const left = new Set(after.paths)
    return before.paths.find((path) => !left.has(path))
  }
  return before.paths.find((path, at) => before.stamp(at) !== after.stamp(at) && !rewritten(path))
}

import type { Stats } from 'node:fs'
import { sha256 } from './digest.ts'
import { readPatterns } from './pattern.ts'
import { hashAt, pathsOf, type StatCache } from './stat-cache.ts'
import { columns, type FileColumns } from './stat-cache-file.ts'
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
  // Of what the cache knows, only the places: objects for each file would cost as much as finding the files.
  const places: number[] = []
  const others = new Map<number, Other>()
  /** How files are executed and reached, where that is not as for most: a plain file without a link to it. */
  const kinds = new Map<number, string>()
  walk(
    readPatterns(patterns, folder),
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
    },
    { followLinks: true },
  )
  return new ListedInputs({ places, others, kinds }, { patterns, folder, cache })
}

const noHash = '0'.repeat(64)

const stampOf = ({ size, mtimeMs, ino }: Stats): string => `${size} ${mtimeMs} ${ino}`

type Listed = {
  places: readonly number[]
  others: ReadonlyMap<number, Other>
  kinds: ReadonlyMap<number, string>
}

/** Files by their places in the cache; what is not asked for is not made. */
class ListedInputs implements InputFiles {
  readonly #listed: Listed
  readonly #known: FileColumns
  readonly #options: { patterns: readonly string[]; folder: string; cache: StatCache }
  #paths: readonly string[] | undefined
  #digest: string | undefined

  constructor(listed: Listed, options: { patterns: readonly string[]; folder: string; cache: StatCache }) {
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
    if (now.places.length !== places.length || kinds.size + now.kinds.size > 0) return undefined
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
    const { cache, folder, patterns } = this.#options
    const { places, others, kinds } = this.#listed
    if (kinds.size > 0) return this.#digestOfAll()
    const key = JSON.stringify([folder, patterns])
    const noted = others.size === 0 ? cache.listDigest(key, places) : undefined
    if (noted !== undefined) return noted
    const digest = this.#digestOfAll()
    cache.noteList(key, digest, this.#listed)
    return digest
  }

  #digestOfAll(): string {
    const { places, others, kinds } = this.#listed
    const hashes = Buffer.alloc(places.length * 32)
    for (let at = 0; at < places.length; at += 1) {
      const place = places[at] as number
      if (place < 0) hashes.write((others.get(at) as Other).hash, at * 32, 'hex')
      else this.#known.hashes.copy(hashes, at * 32, place * 32, place * 32 + 32)
    }
    // No path holds a zero.
    return sha256(`${sha256(this.paths.join('\0'))} ${JSON.stringify([...kinds])} ${sha256(hashes)}`)
  }
}

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

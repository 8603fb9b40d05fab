import type { Stats } from 'node:fs'
import { sha256 } from './digest.ts'
import { readPatterns } from './pattern.ts'
import type { StatCache } from './stat-cache.ts'
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
}

/** Size, time of modification and inode. */
const stampSize = 3

/** Reads which files patterns match, and their contents. Throws `FailureError` for what is no pattern, else what the system says. */
export function readInputs(patterns: readonly string[], folder: string, cache: StatCache): InputFiles {
  // Columns: objects for each file would cost as much as finding the files.
  const paths: string[] = []
  const stamps: number[] = []
  /** How files are executed and reached, where that is not as for most: a plain file without a link to it. */
  const kinds = new Map<number, string>()
  const contents = new Contents(cache)
  walk(
    readPatterns(patterns, folder),
    {
      file(path, stats, link) {
        const at = paths.push(path) - 1
        if ((stats.mode & 0o111) !== 0 || link !== undefined) kinds.set(at, kindOf(stats, link))
        stamps.push(stats.size, stats.mtimeMs, stats.ino)
        contents.add(path, stats)
      },
      link(path, target) {
        kinds.set(paths.push(path) - 1, `link ${JSON.stringify(target)}`)
        stamps.push(0, 0, 0)
        contents.addNone()
      },
    },
    { followLinks: true },
  )
  const hashes = contents.end()
  const inFolder = `${folder === '/' ? '' : folder}/`
  const names = paths.map((path) => (path.startsWith(inFolder) ? path.slice(inFolder.length) : path))
  return {
    // No path holds a zero.
    digest: sha256(`${sha256(names.join('\0'))} ${JSON.stringify([...kinds])} ${sha256(hashes)}`),
    paths: names,
    content(at) {
      const kind = kinds.get(at) ?? 'file'
      return kind.startsWith('link') ? kind : `${kind} ${hashes.toString('hex', at * 32, at * 32 + 32)}`
    },
    stamp: (at) => stamps.slice(at * stampSize, (at + 1) * stampSize).join(' '),
  }
}

const kindOf = ({ mode }: Stats, link: string | undefined): string => {
  const kind = (mode & 0o111) === 0 ? 'file' : 'program'
  return link === undefined ? kind : `${kind} by ${JSON.stringify(link)}`
}

/** Digests of files, one behind the other; what lies so in the cache is copied in one piece. */
class Contents {
  readonly #cache: StatCache
  readonly #pieces: Uint8Array[] = []
  #from = 0
  #behind = 0

  constructor(cache: StatCache) {
    this.#cache = cache
  }

  add(path: string, stats: Stats): void {
    const place = this.#cache.place(path, stats)
    if (place === this.#behind && place > this.#from) {
      this.#behind += 1
      return
    }
    this.#flush()
    if (place < 0) this.#pieces.push(Buffer.from(this.#cache.hash(path, stats), 'hex'))
    else {
      this.#from = place
      this.#behind = place + 1
    }
  }

  addNone(): void {
    this.#flush()
    this.#pieces.push(new Uint8Array(32))
  }

  end(): Buffer {
    this.#flush()
    return Buffer.concat(this.#pieces)
  }

  #flush(): void {
    if (this.#behind > this.#from) this.#pieces.push(this.#cache.hashes(this.#from, this.#behind))
    this.#from = 0
    this.#behind = 0
  }
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
  if (before.digest !== after.digest) {
    const known = new Map(before.paths.map((path, at) => [path, before.content(at)]))
    const changed = after.paths.find((path, at) => known.get(path) !== after.content(at))
    if (changed !== undefined) return changed
    const left = new Set(after.paths)
    return before.paths.find((path) => !left.has(path))
  }
  return before.paths.find((path, at) => before.stamp(at) !== after.stamp(at) && !rewritten(path))
}

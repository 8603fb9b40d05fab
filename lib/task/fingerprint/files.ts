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
  const paths: string[] = []
  const kinds: string[] = []
  // One piece of memory for all: objects for each file would cost as much as finding the files.
  let hashes = Buffer.alloc(256 * 32)
  let stamps = new Float64Array(256 * stampSize)
  const from = folder === '/' ? 1 : folder.length + 1
  const inFolder = `${folder === '/' ? '' : folder}/`
  const add = (path: string, kind: string): number => {
    paths.push(path.startsWith(inFolder) ? path.slice(from) : path)
    const count = kinds.push(kind)
    if (count * 32 > hashes.length) {
      hashes = Buffer.concat([hashes, Buffer.alloc(hashes.length)])
      const more = new Float64Array(stamps.length * 2)
      more.set(stamps)
      stamps = more
    }
    return count - 1
  }
  walk(
    readPatterns(patterns, folder),
    {
      file(path, stats, link) {
        const kind = (stats.mode & 0o111) === 0 ? 'file' : 'program'
        const at = add(path, link === undefined ? kind : `${kind} by ${JSON.stringify(link)}`)
        cache.read(path, stats, hashes, at * 32)
        stamps[at * stampSize] = stats.size
        stamps[at * stampSize + 1] = stats.mtimeMs
        stamps[at * stampSize + 2] = stats.ino
      },
      link: (path, target) => add(path, `link ${JSON.stringify(target)}`),
    },
    { followLinks: true },
  )
  const used = hashes.subarray(0, paths.length * 32)
  return {
    // No path holds a zero, and no kind a line break.
    digest: sha256(`${sha256(paths.join('\0'))} ${sha256(kinds.join('\n'))} ${sha256(used)}`),
    paths,
    content: (at) => {
      const kind = kinds[at] as string
      return kind.startsWith('link') ? kind : `${kind} ${hashes.toString('hex', at * 32, at * 32 + 32)}`
    },
    stamp: (at) => stamps.subarray(at * stampSize, (at + 1) * stampSize).join(' '),
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

import type { Stats } from 'node:fs'
import { Digest } from './digest.ts'
import { readPatterns } from './pattern.ts'
import type { StatCache } from './stat-cache.ts'
import { walk } from './walk.ts'

/** The files that patterns match, as they are at one moment. */
export type InputFiles = {
  /** Of all paths, contents and executable bits. */
  digest: string
  /** Relative to the task's folder, in the walk's order. */
  paths: readonly string[]
  /** By path: how the file is executed, and the SHA-256 of its content; where a link leads, too. */
  contents: readonly string[]
  /** What changes whenever somebody writes to the file at this place of `paths`, also when its content is the same afterwards. */
  stamp(at: number): string
}

/** Reads which files patterns match, and their contents. Throws `FailureError` for what is no pattern, else what the system says. */
export function readInputs(patterns: readonly string[], folder: string, cache: StatCache): InputFiles {
  const paths: string[] = []
  const contents: string[] = []
  const all: (Stats | undefined)[] = []
  const digest = new Digest()
  const seen = new Set<string>()
  const from = folder === '/' ? 1 : folder.length + 1
  const inFolder = `${folder === '/' ? '' : folder}/`
  const add = (path: string, content: string, stats: Stats | undefined): void => {
    const shown = path.startsWith(inFolder) ? path.slice(from) : path
    if (seen.has(shown)) return
    seen.add(shown)
    paths.push(shown)
    contents.push(content)
    all.push(stats)
    // A name may hold a line break; nothing else here does.
    digest.add(`${content} ${shown.length} ${shown}`)
  }
  const read = readPatterns(patterns, folder)
  walk(
    read,
    {
      file(path, stats, link) {
        const how = (stats.mode & 0o111) === 0 ? 'file' : 'program'
        add(path, `${how} ${cache.hash(path, stats)}${link === undefined ? '' : ` link ${link.length} ${link}`}`, stats)
      },
      link: (path, target) => add(path, `link ${target.length} ${target}`, undefined),
    },
    { followLinks: true },
  )
  return {
    digest: digest.end(),
    paths,
    contents,
    stamp(at) {
      const stats = all[at]
      return stats === undefined ? '' : `${stats.size} ${stats.mtimeMs} ${stats.ino}`
    },
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
    const known = new Map(before.paths.map((path, at) => [path, before.contents[at]]))
    const changed = after.paths.find((path, at) => known.get(path) !== after.contents[at])
    if (changed !== undefined) return changed
    const left = new Set(after.paths)
    return before.paths.find((path) => !left.has(path))
  }
  return before.paths.find((path, at) => before.stamp(at) !== after.stamp(at) && !rewritten(path))
}

import { statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { readInputs } from '../fingerprint/files.ts'
import { readPatterns } from '../fingerprint/pattern.ts'
import type { StatCache } from '../fingerprint/stat-cache.ts'
import { walk } from '../fingerprint/walk.ts'

/** Files by patterns (`!` in front leaves out), relative to a folder. */
export type FileSet = { folder: string; patterns: readonly string[] }

/** The files of a set, by absolute path, with what tells one content from another. */
export type Snapshot = ReadonlyMap<string, string>

/** The files that are in one of `sets`, and not in one of `without`. A file that vanishes or cannot be read meanwhile is taken as it is found. */
export function takeSnapshot(sets: readonly FileSet[], without: readonly FileSet[], cache: StatCache): Snapshot {
  const found = new Map<string, string>()
  for (const { folder, patterns } of sets) {
    const files = settled(() => readInputs(patterns, folder, cache))
    for (const [index, path] of files.paths.entries()) {
      found.set(isAbsolute(path) ? path : join(folder, path), files.content(index))
    }
  }
  for (const { folder, patterns } of without) {
    const drop = (path: string) => void found.delete(path)
    walk(readPatterns(patterns, folder), { file: drop, link: drop }, { followLinks: true })
  }
  return found
}

/** Single files, as far as they are there. */
export function snapshotOf(paths: readonly string[], cache: StatCache): Snapshot {
  const found = new Map<string, string>()
  for (const path of paths) {
    const hash = settled(() => {
      const stats = statSync(path, { throwIfNoEntry: false })
      return stats?.isFile() ? cache.hash(path, stats) : undefined
    })
    if (hash !== undefined) found.set(path, hash)
  }
  return found
}

/** A file that vanishes between being found and being read is met by the next attempt without it. */
function settled<Value>(read: () => Value): Value {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return read()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 5) throw error
    }
  }
}

/** The paths whose content differs between two snapshots, or that only one of them has; sorted. */
export function changedPaths(before: Snapshot, after: Snapshot): string[] {
  const changed = [...before.keys()].filter((path) => !after.has(path))
  for (const [path, hash] of after) if (before.get(path) !== hash) changed.push(path)
  return changed.sort()
}

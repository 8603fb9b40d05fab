import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { readPatterns } from '../fingerprint/pattern.ts'
import { walk } from '../fingerprint/walk.ts'
import type { FileSet } from './inputs.ts'

/**
 * The folders in which something may happen that concerns a set of files: those that hold them, or may come to. Where a folder is not there, the
 * nearest one above it that is. They are those that the walk looks into that finds the files, so none can be missing here.
 */
export function foldersOf(sets: readonly FileSet[]): Set<string> {
  const folders = new Set<string>()
  for (const { folder, patterns } of sets) {
    walk(
      readPatterns(patterns, folder),
      {
        folder: (path) => void folders.add(existing(path)),
        // Who writes to the file that a link leads to does so in the folder of that file.
        linkedFile(path) {
          const target = realpathOf(path)
          if (target !== undefined) folders.add(dirname(target))
        },
      },
      { followLinks: true },
    )
  }
  return folders
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    // It leads nowhere, or is gone meanwhile.
    return undefined
  }
}

function existing(path: string): string {
  let at = path
  while (!isFolder(at) && dirname(at) !== at) at = dirname(at)
  return at
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  } catch {
    // Something above it is a file, a link that leads round, or not for us to enter.
    return false
  }
}

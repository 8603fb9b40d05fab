import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { FileSet } from './inputs.ts'

/** Folders that only a pattern that names them enters; see `fingerprint/pattern.ts`. */
const closedFolders = ['node_modules', '.git', '.ops']

/**
 * The folders in which something may happen that concerns a set of files: those that hold them, or may come to. Where a folder is not there, the
 * nearest one above it that is.
 */
export function foldersOf(sets: readonly FileSet[]): Set<string> {
  const folders = new Set<string>()
  for (const { folder, patterns } of sets) {
    for (const pattern of patterns) if (!pattern.startsWith('!')) addFolders(folders, folder, pattern)
  }
  return folders
}

function addFolders(folders: Set<string>, folder: string, pattern: string): void {
  const parts = pattern.split('/')
  const first = parts.findIndex((part) => /[*?[\]{}()!+@\\]/.test(part))
  const literal = first < 0 ? parts : parts.slice(0, first)
  const base = resolve(folder, literal.join('/') || (pattern.startsWith('/') ? '/' : '.'))
  const rest = parts.slice(literal.length)
  const found = existing(base)
  // What is above the base tells of its coming and going; a set's own folder is there.
  if (found !== base) folders.add(found)
  else if (base !== folder) folders.add(dirname(base))
  if (found !== base || !isFolder(base)) return
  // A literal pattern that is a folder means all that is in it.
  const depth = rest.includes('**') || rest.length === 0 ? Number.POSITIVE_INFINITY : rest.length - 1
  descend(folders, base, depth, new Set(closedFolders.filter((name) => !parts.includes(name))))
}

function descend(folders: Set<string>, top: string, depth: number, closed: ReadonlySet<string>): void {
  const left = [{ path: top, depth }]
  const real = new Set<string>()
  for (const { path, depth: more } of left) {
    // A link may lead to a folder that is met otherwise, too, or to one above itself.
    const place = realpathOf(path)
    if (place === undefined || real.has(place)) continue
    real.add(place)
    folders.add(path)
    for (const entry of entriesOf(path)) {
      if (closed.has(entry.name)) continue
      const inner = join(path, entry.name)
      if (entry.isSymbolicLink()) {
        // Who writes to the file that a link leads to does so in the folder of that file.
        const target = realpathOf(inner)
        if (target !== undefined && !isFolder(target)) folders.add(dirname(target))
      }
      if (more >= 1 && (entry.isDirectory() || (entry.isSymbolicLink() && isFolder(inner)))) {
        left.push({ path: inner, depth: more - 1 })
      }
    }
  }
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    // Gone meanwhile, or not for us to read.
    return []
  }
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    // It leads nowhere, or is gone meanwhile.
    return undefined
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

function existing(path: string): string {
  let at = path
  while (!statSync(at, { throwIfNoEntry: false }) && dirname(at) !== at) at = dirname(at)
  return at
}

import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { resolve } from 'node:path'
import { Digest } from './digest.ts'
import { readPatterns } from './pattern.ts'
import type { StatCache } from './stat-cache.ts'
import { walk } from './walk.ts'

/**
 * Something that a task's patterns of outputs match. `produced`: a run of the task has made or changed it; other things that lie there are looked
 * at, but never removed or replaced. `mode` are permission bits. Paths are relative to the task's folder where they lie in it.
 */
export type Output =
  | { kind: 'file'; path: string; produced: boolean; mode: number; size: number; hash: string }
  | { kind: 'link'; path: string; produced: boolean; target: string }
  | { kind: 'folder'; path: string; produced: boolean }

/** What tells whether an output was touched by a run. */
type Stamps = ReadonlyMap<string, string>

/** The outputs as they are before a run: which of them it touches is told by comparing. Costs no hashing. */
export function stampOutputs(patterns: readonly string[], folder: string): Stamps {
  const stamps = new Map<string, string>()
  walk(
    readPatterns(patterns, folder),
    {
      file: (path, stats) => stamps.set(relativeTo(folder, path), stampOf(stats)),
      link: (path) => stamps.set(relativeTo(folder, path), stampOf(lstatSync(path))),
      emptyFolder: (path) => stamps.set(relativeTo(folder, path), 'folder'),
    },
    { followLinks: false },
  )
  return stamps
}

const stampOf = ({ size, mtimeMs, ctimeMs, ino }: Stats): string => `${size} ${mtimeMs} ${ctimeMs} ${ino}`

/**
 * The outputs after a run.
 *
 * @param before what was there before it
 * @param earlier whether an earlier run has produced what is at a path
 */
export function readOutputs(
  patterns: readonly string[],
  folder: string,
  cache: StatCache,
  before: Stamps,
  earlier: (path: string) => boolean,
): Output[] {
  const outputs: Output[] = []
  const isProduced = (path: string, stamp: string): boolean => before.get(path) !== stamp || earlier(path)
  walk(
    readPatterns(patterns, folder),
    {
      file(full, stats) {
        const path = relativeTo(folder, full)
        const produced = isProduced(path, stampOf(stats))
        const { mode, size } = stats
        outputs.push({ kind: 'file', path, produced, mode: mode & 0o7777, size, hash: cache.hash(full, stats) })
      },
      link(full, target) {
        const path = relativeTo(folder, full)
        outputs.push({ kind: 'link', path, produced: isProduced(path, stampOf(lstatSync(full))), target })
      },
      emptyFolder(full) {
        const path = relativeTo(folder, full)
        outputs.push({ kind: 'folder', path, produced: isProduced(path, 'folder') })
      },
    },
    { followLinks: false },
  )
  return outputs
}

/** What is not as a run has left it. */
export type OutputChange = { path: string; what: 'deleted' | 'changed' }

/** Which outputs are no longer as they were. Throws what the system says of files that cannot be read. */
export function changedOutputs(
  outputs: readonly Output[],
  folder: string,
  cache: StatCache,
): { output: Output; what: OutputChange['what'] }[] {
  const changed: { output: Output; what: OutputChange['what'] }[] = []
  for (const output of outputs) {
    const path = resolve(folder, output.path)
    const stats = lstatQuietly(path)
    if (stats === undefined) changed.push({ output, what: 'deleted' })
    else if (!isAs(output, path, stats, cache)) changed.push({ output, what: 'changed' })
  }
  return changed
}

function isAs(output: Output, path: string, stats: Stats, cache: StatCache): boolean {
  switch (output.kind) {
    case 'file':
      return (
        stats.isFile() &&
        stats.size === output.size &&
        (stats.mode & 0o7777) === output.mode &&
        cache.hash(path, stats) === output.hash
      )
    case 'link':
      return stats.isSymbolicLink() && readlinkSync(path) === output.target
    case 'folder':
      // What others have put into it does not concern the task.
      return stats.isDirectory()
  }
}

function lstatQuietly(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    // A file stands where a folder was.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}

/** A digest of what outputs are: what those that need the task depend on. */
export function outputsDigest(outputs: readonly Output[]): string {
  const digest = new Digest()
  for (const output of outputs) {
    if (output.kind === 'file') digest.add(`file ${output.mode} ${output.hash} ${output.path}`)
    else if (output.kind === 'link') digest.add(`link ${output.target.length} ${output.target} ${output.path}`)
    else digest.add(`folder ${output.path}`)
  }
  return digest.end()
}

/** Outputs as text, a line for each. */
export const writeOutputs = (outputs: readonly Output[]): string =>
  outputs
    .map((output) => {
      const { kind, path, produced } = output
      const mark = produced ? 1 : 0
      if (kind === 'file') return JSON.stringify(['f', path, mark, output.mode, output.size, output.hash])
      return JSON.stringify(kind === 'link' ? ['l', path, mark, output.target] : ['d', path, mark])
    })
    .join('\n')

/** Reads what `writeOutputs` has written. */
export function parseOutputs(text: string): Output[] {
  if (text === '') return []
  return (JSON.parse(`[${text.replaceAll('\n', ',')}]`) as unknown[][]).map((row): Output => {
    const [kind, path, mark] = row as [string, string, number]
    const produced = mark === 1
    if (kind === 'f') {
      const [, , , mode, size, hash] = row as [string, string, number, number, number, string]
      return { kind: 'file', path, produced, mode, size, hash }
    }
    return kind === 'l'
      ? { kind: 'link', path, produced, target: row[3] as string }
      : { kind: 'folder', path, produced }
  })
}

/** A path as outputs and inputs have it: relative to the task's folder where it lies in it, else absolute. */
export const relativeTo = (folder: string, path: string): string =>
  path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path

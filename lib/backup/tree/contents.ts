import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { z } from 'zod'
import type { Comparison } from '../compare.ts'
import { type Found, unreadable, walk } from './walk.ts'

const entrySchema = z.strictObject({
  name: z.string().describe('From the root, with /; the root itself is empty'),
  type: z.enum(['file', 'folder', 'symlink', 'hardlink']),
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  /** Seconds since 1970. */
  mtime: z.int(),
  size: z.int().optional(),
  sha256: z.string().optional(),
  /** Where a symbolic link leads, or the name of the file that is the same. */
  link: z.string().optional(),
})
/** A file, folder or link as it was read. */
export type TreeEntry = z.output<typeof entrySchema>

/** `<source>.contents.json` of a folder: what was in it when it was read. */
export const treeContentsSchema = z.strictObject({ format: z.literal(1), entries: z.array(entrySchema) })
/** What was in a folder. */
export type TreeContents = z.output<typeof treeContentsSchema>

/** What an entry is, its content aside. */
export const entryOf = ({ name, stats, type, link }: Found): TreeEntry => ({
  name,
  type: type === 'other' ? 'file' : type,
  mode: Number(stats.mode) & 0o7777,
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  mtime: Number(stats.mtimeMs / 1000n),
  ...(link !== undefined && { link }),
})

/** Knows files that have several names. Returns the first name of one that was met before. */
export function hardLinks(): (found: Found) => string | undefined {
  const first = new Map<string, string>()
  return ({ name, stats, type }) => {
    if (type !== 'file' || stats.nlink < 2n) return undefined
    const key = `${stats.dev}:${stats.ino}`
    const known = first.get(key)
    if (known === undefined) first.set(key, name)
    return known
  }
}

/** Reads what is in a folder now, which nobody else writes to. Throws `FailureError`. */
export async function readTree(root: string): Promise<TreeContents> {
  const entries: TreeEntry[] = []
  const knownAs = hardLinks()
  for await (const found of walk(root, new Set(), () => {})) {
    if (found.type === 'other') continue
    const entry = entryOf(found)
    const same = knownAs(found)
    if (same !== undefined) entries.push({ ...entry, type: 'hardlink', link: same })
    else if (found.type === 'file') entries.push({ ...entry, ...(await digestOf(found.path)) })
    else entries.push(entry)
  }
  return { format: 1, entries }
}

async function digestOf(path: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      hash.update(chunk as Buffer)
      size += (chunk as Buffer).length
    }
  } catch (error) {
    throw unreadable(error, path)
  }
  return { size, sha256: hash.digest('hex') }
}

const shown = (name: string): string => (name === '' ? 'the folder itself' : name)

/**
 * Compares what was restored with what was written down when the backup was taken. Pure.
 * @param owners whether numbers of users and groups count: only root can give files away
 */
export function compareTrees(
  recorded: TreeContents,
  restored: TreeContents,
  { owners }: { owners: boolean },
): Comparison {
  const differences: string[] = []
  const found = new Map(restored.entries.map((entry) => [entry.name, entry]))
  const compared: Record<string, number> = { files: 0, folders: 0, links: 0 }
  for (const entry of recorded.entries) {
    const other = found.get(entry.name)
    found.delete(entry.name)
    const kind = entry.type === 'file' ? 'files' : entry.type === 'folder' ? 'folders' : 'links'
    compared[kind] = (compared[kind] ?? 0) + 1
    const difference = other ? differenceOf(entry, other, owners) : 'is missing'
    if (difference !== undefined) differences.push(`${shown(entry.name)} ${difference}`)
  }
  // Files of several places are in folders that nobody has written down.
  const isOnTheWay = (name: string) =>
    name === '' || recorded.entries.some((entry) => entry.name.startsWith(`${name}/`))
  for (const { name, type } of found.values()) {
    if (type === 'folder' && isOnTheWay(name)) continue
    differences.push(`${shown(name)} was not in the backup`)
  }
  return { compared, differences }
}

function differenceOf(was: TreeEntry, is: TreeEntry, owners: boolean): string | undefined {
  if (was.type !== is.type) return `is a ${is.type}, and was a ${was.type}`
  if (was.link !== is.link) return `leads to ${is.link}, and led to ${was.link}`
  if (was.size !== is.size) return `has ${is.size} bytes, and had ${was.size}`
  if (was.sha256 !== is.sha256) return `has its ${was.size} bytes, and not the same ones`
  if (owners && (was.uid !== is.uid || was.gid !== is.gid)) {
    return `belongs to ${is.uid}:${is.gid}, and belonged to ${was.uid}:${was.gid}`
  }
  // A symbolic link has no mode of its own, and no time that everybody can set.
  if (was.type === 'symlink') return undefined
  if (was.mode !== is.mode) return `has mode ${is.mode.toString(8)}, and had ${was.mode.toString(8)}`
  if (was.mtime !== is.mtime) return `was written to at ${is.mtime}, and had been at ${was.mtime}`
  return undefined
}

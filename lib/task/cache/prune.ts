import { rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hashFile } from '../fingerprint/digest.ts'
import { readRecord, recordsFolder, type TaskRecord } from '../fingerprint/record.ts'
import { cacheFolder, names, objectPath } from './store.ts'

/** An entry of the cache. */
export type CacheEntry = {
  path: string
  task: string
  key: string
  /** What it has produced, in bytes; contents that others have, too, included. */
  bytes: number
  files: number
  /** When it was made or last used, in milliseconds since the epoch. */
  usedAt: number
}

type Read = CacheEntry & { record: TaskRecord }

/** How old a temporary file must be for nobody to be writing it, in milliseconds. */
const settling = 3_600_000

/** The entries of the cache, those used last first. */
export function listEntries(workspace: string): CacheEntry[] {
  return readEntries(workspace).map(({ record: _, ...entry }) => entry)
}

function readEntries(workspace: string): Read[] {
  const folder = join(cacheFolder(workspace), 'entries')
  const entries: Read[] = []
  for (const key of names(folder)) {
    for (const name of names(join(folder, key))) {
      const path = join(folder, key, name)
      const stats = statSync(path, { throwIfNoEntry: false })
      const record = readRecord(path)
      if (!stats || !record) continue
      const sizes = objectsOf(record).map(({ size }) => size)
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      entries.push({ path, task: record.name, key, bytes, files: sizes.length, usedAt: stats.mtimeMs, record })
    }
  }
  return entries.sort((one, other) => other.usedAt - one.usedAt)
}

const objectsOf = ({ outputs }: TaskRecord): { hash: string; size: number }[] =>
  outputs.flatMap((output) => (output.kind === 'file' && output.produced ? [output] : []))

/** A content of the cache: its file, its digest, its size in bytes, and when it was written. */
type CachedObject = { path: string; hash: string; size: number; at: number }

function listObjects(workspace: string): CachedObject[] {
  const folder = join(cacheFolder(workspace), 'objects')
  return names(folder).flatMap((part) =>
    names(join(folder, part)).flatMap((name) => {
      const path = join(folder, part, name)
      const stats = statSync(path, { throwIfNoEntry: false })
      return stats ? [{ path, hash: name, size: stats.size, at: stats.mtimeMs }] : []
    }),
  )
}

/** What is in the cache: contents in bytes and number, and entries. */
export type CacheSize = { bytes: number; objects: number; entries: number }

/** How large the cache is. */
export function cacheSize(workspace: string): CacheSize {
  const objects = listObjects(workspace)
  const bytes = objects.reduce((sum, { size }) => sum + size, 0)
  return { bytes, objects: objects.length, entries: readEntries(workspace).length }
}

/**
 * Removes what was not used for longest, until at most so many bytes are left. Gives what is left. An invocation that keeps a run at this moment may
 * lose contents: its entry is not whole then, and not used.
 */
export function prune(workspace: string, limit: number): CacheSize {
  const kept = new Set<string>()
  let bytes = 0
  let entries = 0
  for (const { path, record } of readEntries(workspace)) {
    const fresh = objectsOf(record).filter(({ hash }) => !kept.has(hash))
    const more = [...new Map(fresh.map(({ hash, size }) => [hash, size]))]
    const size = more.reduce((sum, [, one]) => sum + one, 0)
    if (bytes + size > limit) {
      rmSync(path, { force: true })
      removeEmpty(join(path, '..'))
      continue
    }
    for (const [hash] of more) kept.add(hash)
    bytes += size
    entries += 1
  }
  let objects = 0
  for (const { path, hash, at } of listObjects(workspace)) {
    const isTemporary = !/^[0-9a-f]{64}$/.test(hash)
    if (kept.has(hash)) objects += 1
    else if (!isTemporary || Date.now() - at > settling) rmSync(path, { force: true })
  }
  return { bytes, objects, entries }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Others are in it.
  }
}

/** Removes everything: contents, entries, and what is known of the tasks' last runs, so that every task runs again. Gives what was there. */
export function clearCache(workspace: string): CacheSize {
  const size = cacheSize(workspace)
  for (const name of ['entries', 'objects', 'usage', 'files']) {
    rmSync(join(cacheFolder(workspace), name), { recursive: true, force: true })
  }
  const records = recordsFolder(workspace)
  // A lock is somebody's.
  for (const name of names(records)) if (!name.includes('.lock')) rmSync(join(records, name), { force: true })
  return size
}

/** Reads every content and compares it with its digest; removes those that are damaged. Gives how many there are, and which were damaged. */
export function verifyCache(workspace: string): { objects: number; damaged: string[] } {
  const objects = listObjects(workspace).filter(({ hash }) => /^[0-9a-f]{64}$/.test(hash))
  const damaged = objects.filter(({ path, hash, size }) => hashFile(path, size) !== hash).map(({ hash }) => hash)
  for (const hash of damaged) rmSync(objectPath(workspace, hash), { force: true })
  return { objects: objects.length, damaged }
}

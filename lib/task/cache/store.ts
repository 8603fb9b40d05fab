/*
 * The cache of outputs: `<workspace>/.ops/cache/`
 *
 *   objects/ab/<sha256>     contents of files, by their digest
 *   entries/<key>/<digest>  records of good runs (fingerprint/record.ts), by fingerprint and by the results of other tasks that they have looked at
 *
 * Contents are copied (by reference where the file system can, ioctl_ficlone(2)) and never linked: who writes to a linked output would write into
 * the cache. Each is compared with its digest on its way in and out, so that a damaged one is found and never used.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { hashFile, sha256 } from '../fingerprint/digest.ts'
import { noInputs } from '../fingerprint/kept-inputs.ts'
import type { Output } from '../fingerprint/outputs.ts'
import { readRecord, type TaskRecord, writeRecord } from '../fingerprint/record.ts'

/** The folder of a workspace's cache of outputs. */
export const cacheFolder = (workspace: string): string => join(workspace, '.ops', 'cache')

/** The file of a content. */
export const objectPath = (workspace: string, hash: string): string =>
  join(cacheFolder(workspace), 'objects', hash.slice(0, 2), hash)

/** The folder of the entries of a fingerprint. */
export const entriesPath = (workspace: string, key: string): string => join(cacheFolder(workspace), 'entries', key)

const temporaryName = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 80)}.${process.pid}-${randomBytes(4).toString('hex')}.ops-tmp`)

/**
 * Keeps a good run with the contents of what it has produced. Gives how many bytes were added; -1 where nothing is kept, because an output is no
 * longer as the record has it.
 */
export function keepEntry(workspace: string, folder: string, record: TaskRecord): number {
  let added = 0
  for (const output of record.outputs) {
    if (output.kind !== 'file' || !output.produced) continue
    const bytes = keepObject(workspace, resolve(folder, output.path), output.hash, output.size)
    if (bytes < 0) return -1
    added += bytes
  }
  const consumed = JSON.stringify(Object.entries(record.consumed).sort())
  // Inputs are only kept to explain a difference to the last run.
  writeRecord(join(entriesPath(workspace, record.key), sha256(consumed).slice(0, 16)), { ...record, inputs: noInputs })
  return added
}

function keepObject(workspace: string, path: string, hash: string, size: number): number {
  const object = objectPath(workspace, hash)
  if (statSync(object, { throwIfNoEntry: false })?.size === size) return 0
  mkdirSync(dirname(object), { recursive: true, mode: 0o700 })
  const temporary = temporaryName(object)
  try {
    copyFileSync(path, temporary, constants.COPYFILE_FICLONE)
    chmodSync(temporary, 0o600)
    if (hashFile(temporary, size) !== hash) return -1
    renameSync(temporary, object)
    return size
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** The entries of a fingerprint, the newest first. */
export function findEntries(workspace: string, key: string): TaskRecord[] {
  const folder = entriesPath(workspace, key)
  return names(folder)
    .map((name) => join(folder, name))
    .map((path) => ({ path, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((one, other) => other.at - one.at)
    .flatMap(({ path }) => {
      const record = readRecord(path)
      return record ? [record] : []
    })
}

/** Notes that an entry was used: those that nobody uses go first. */
export function touchEntries(workspace: string, key: string): void {
  const folder = entriesPath(workspace, key)
  const now = new Date()
  for (const name of names(folder)) utimesSync(join(folder, name), now, now)
}

/** Whether all that a record's run has produced is in the cache, as far as can be told without reading it. */
export const isWhole = (workspace: string, { outputs }: TaskRecord): boolean =>
  outputs.every(
    (output) =>
      output.kind !== 'file' ||
      !output.produced ||
      statSync(objectPath(workspace, output.hash), { throwIfNoEntry: false })?.size === output.size,
  )

/**
 * Brings outputs back. Gives false where one cannot be brought back (its content is damaged, something of others stands in its place): the task
 * has to run then.
 *
 * @param stale what earlier runs have produced and this one has not; it is removed
 */
export function restoreOutputs(
  workspace: string,
  folder: string,
  outputs: readonly Output[],
  stale: readonly Output[],
): boolean {
  for (const { path } of stale) removeOutput(folder, path)
  for (const output of outputs) {
    const path = resolve(folder, output.path)
    try {
      mkdirSync(dirname(path), { recursive: true })
      if (output.kind === 'folder') mkdirSync(path, { recursive: true })
      else if (output.kind === 'link') replaceLink(path, output.target)
      else if (!replaceFile(path, output, objectPath(workspace, output.hash))) return false
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A folder where a file belongs, or a file where a folder does.
      if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ENOENT') return false
      throw error
    }
  }
  return true
}

function replaceFile(path: string, { hash, size, mode }: Output & { kind: 'file' }, object: string): boolean {
  const temporary = temporaryName(path)
  try {
    copyFileSync(object, temporary, constants.COPYFILE_FICLONE)
    if (hashFile(temporary, size) !== hash) {
      rmSync(object, { force: true })
      return false
    }
    chmodSync(temporary, mode)
    renameSync(temporary, path)
    return true
  } finally {
    rmSync(temporary, { force: true })
  }
}

function replaceLink(path: string, target: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (there?.isSymbolicLink() && readlinkSync(path) === target) return
  const temporary = temporaryName(path)
  symlinkSync(target, temporary)
  try {
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Removes an output, and the folders above it that are empty then, up to the task's folder. */
function removeOutput(folder: string, path: string): void {
  const full = resolve(folder, path)
  try {
    if (lstatSync(full, { throwIfNoEntry: false })?.isDirectory()) rmdirSync(full)
    else rmSync(full, { force: true })
    for (let at = dirname(full); at.startsWith(`${folder}/`); at = dirname(at)) rmdirSync(at)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // It is not empty, or gone already.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'].includes(code ?? '')) throw error
  }
}

/** The names in a folder, sorted; none where there is no such folder. */
export function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw error
  }
}

import { createWriteStream } from 'node:fs'
import { rm, truncate } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { BackupOwner } from '../catalogue.ts'
import { fetchFile } from '../fetch.ts'
import { failureOf } from '../store.ts'
import type { Target } from '../targets/target.ts'
import { type Listed, listStreams, readWalManifest, streamPrefix, walMissing } from './archive.ts'

/** A stream as it is read: whichever of its targets has a file whole. */
export type OpenedWal = {
  owner: BackupOwner
  stream: string
  segmentBytes: number
  targets: { target: Target; listed: Listed }[]
  identities: readonly string[]
  signal: AbortSignal
}

/** Looks what the targets have of a stream. Throws when none of them can be read. */
export async function openWal(targets: readonly Target[], given: Omit<OpenedWal, 'targets'>): Promise<OpenedWal> {
  const read: OpenedWal['targets'][number][] = []
  const failures: Failure[] = []
  for (const target of targets) {
    try {
      const listed = (await listStreams(target, given.owner)).get(given.stream)
      read.push({ target, listed: listed ?? { segments: [], partials: [] } })
    } catch (error) {
      failures.push(failureOf(error, target))
    }
  }
  const [failure] = failures
  if (failure && read.length === 0) throw new FailureError(failure)
  return { ...given, targets: read }
}

/**
 * Writes a WAL file to a path: the complete one, or else the longest part of it that there is, filled up with zeros as the server does. False where no target has
 * either. Throws where every target that has it fails.
 */
export async function fetchSegment(opened: OpenedWal, segment: string, path: string): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await fetchListed(opened, segment, path)
    if (found !== 'gone') return found
    // A longer part has taken its place, or the complete file.
    if (attempt === attempts) throw walMissing(segment)
    for (const one of opened.targets) {
      const listed = (await listStreams(one.target, opened.owner)).get(opened.stream)
      if (listed) one.listed = listed
    }
  }
}

/** How often a part is looked for anew that was replaced between the look and the fetch. */
const attempts = 20

async function fetchListed(opened: OpenedWal, segment: string, path: string): Promise<boolean | 'gone'> {
  const { owner, stream, segmentBytes, identities, signal } = opened
  const having = opened.targets.flatMap(({ target, listed }) => {
    const part = listed.partials.findLast((item) => item.startsWith(`${segment}.`))
    const item = listed.segments.includes(segment) ? segment : part
    return item === undefined ? [] : [{ target, item }]
  })
  // `…03` sorts before `…03.partial-…`, and a longer part behind a shorter one.
  const isComplete = ({ item }: { item: string }) => item === segment
  having.sort((a, b) => Number(isComplete(b)) - Number(isComplete(a)) || (a.item < b.item ? 1 : -1))
  const failures: Failure[] = []
  let gone = false
  for (const { target, item } of having) {
    try {
      const manifest = await readWalManifest(target, owner, stream, item)
      if (manifest === undefined) {
        gone ||= item !== segment
        continue
      }
      const content = fetchFile(target, `${streamPrefix(owner, stream)}${item}/`, manifest.file, identities, signal)
      await pipeline(content, createWriteStream(path, { mode: 0o600 }))
      await truncate(path, segmentBytes)
      return true
    } catch (error) {
      signal.throwIfAborted()
      await rm(path, { force: true })
      const failure = failureOf(error, target)
      if (failure.code === 'backup-incomplete' && item !== segment) gone = true
      else failures.push(failure)
    }
  }
  if (gone) return 'gone'
  if (failures.length > 0) throw new FailureError(...(failures as [Failure]))
  return false
}

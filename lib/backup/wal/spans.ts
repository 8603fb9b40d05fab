import type { CatalogueEntry } from '../../model/backup.ts'
import type { RestorableSpan } from '../../model/wal.ts'
import type { BackupOwner } from '../catalogue.ts'
import { findRepository, newestWal, placesIn } from '../pgbackrest/repository.ts'
import type { Target } from '../targets/target.ts'
import { type Listed, listStreams, readWalManifest } from './archive.ts'
import { followWal } from './coverage.ts'

/** What the targets have of each stream, together. Targets that cannot be read are left out. */
export async function listAll(targets: readonly Target[], owner: BackupOwner): Promise<Map<string, Listed>> {
  const all = new Map<string, Listed>()
  const read = await Promise.all(targets.map((target) => listStreams(target, owner).catch(() => undefined)))
  for (const streams of read) {
    for (const [stream, { segments, partials }] of streams ?? []) {
      const known = all.get(stream)
      all.set(stream, {
        segments: [...new Set([...(known?.segments ?? []), ...segments])].sort(),
        partials: [...new Set([...(known?.partials ?? []), ...partials])].sort(),
      })
    }
  }
  return all
}

/** Which times can be restored from which backups: behind each as far as its WAL goes without a gap. In order of the backups' numbers. */
export async function restorableSpans(
  targets: readonly Target[],
  owner: BackupOwner,
  entries: readonly CatalogueEntry[],
): Promise<RestorableSpan[]> {
  for (let attempt = 1; ; attempt += 1) {
    const { spans, gone } = await spansNow(targets, owner, entries)
    // A part that was replaced between the look and the read would make it seem as if nothing was received since.
    if (!gone || attempt === 10) return spans
  }
}

async function spansNow(
  targets: readonly Target[],
  owner: BackupOwner,
  entries: readonly CatalogueEntry[],
): Promise<{ spans: RestorableSpan[]; gone: boolean }> {
  const streams = await listAll(targets, owner)
  const known = new Map<string, string | null>()
  let gone = false
  const untilOf = async (stream: string, item: string): Promise<string | null> => {
    const key = `${stream}/${item}`
    for (const target of known.has(key) ? [] : targets) {
      const manifest = await readWalManifest(target, owner, stream, item).catch(() => undefined)
      if (manifest) known.set(key, manifest.until)
      if (manifest) break
    }
    if (!known.has(key)) gone = true
    return known.get(key) ?? null
  }
  const spans: RestorableSpan[] = []
  for (const { number, manifest, state } of entries) {
    const [place] = state === 'complete' ? placesIn(manifest) : []
    if (place) {
      const repository = await findRepository(targets, owner).catch(() => undefined)
      const to = repository && (await newestWal(repository, place))
      const { segmentBytes, stopped: from } = place
      if (to && to > from) spans.push({ backup: number, stream: 'pgbackrest', segmentBytes, from, to, files: 0 })
    }
    const base = manifest?.sources.find((source) => source.wal !== undefined)?.wal
    if (!base || state !== 'complete') continue
    const run = followWal(base, streams.get(base.stream) ?? { segments: [], partials: [] })
    const items = [...run.segments, ...(run.partial === undefined ? [] : [run.partial])]
    let until: string | null = null
    for (const item of items.reverse()) {
      until = await untilOf(base.stream, item)
      if (until !== null) break
    }
    if (until === null || until <= base.stopped) continue
    spans.push({
      backup: number,
      stream: base.stream,
      segmentBytes: base.segmentBytes,
      from: base.stopped,
      to: until,
      files: items.length,
      ...(run.gap !== undefined && { gap: run.gap }),
    })
  }
  return { spans, gone }
}

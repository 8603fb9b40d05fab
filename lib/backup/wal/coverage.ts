import type { BaseWal } from '../../model/backup.ts'
import { nextSegment } from './segments.ts'

/** A run of WAL files without a gap, behind a backup. */
export type WalRun = {
  /** Complete files behind the backup's own, in order. */
  segments: string[]
  /** The part of the one behind them. */
  partial?: string
  /** The file that is missing although later ones are there. */
  gap?: string
}

/** Follows the WAL behind a backup as far as it goes. Pure. */
export function followWal(
  base: Pick<BaseWal, 'last' | 'segmentBytes'>,
  listed: { segments: readonly string[]; partials: readonly string[] },
): WalRun {
  const complete = new Set(listed.segments)
  const segments: string[] = []
  let next = nextSegment(base.last, base.segmentBytes)
  for (; complete.has(next); next = nextSegment(next, base.segmentBytes)) segments.push(next)
  const partial = listed.partials.findLast((item) => item.startsWith(`${next}.`))
  const later = [...listed.segments, ...listed.partials].some((name) => name.slice(0, 24) > next)
  return { segments, ...(partial !== undefined && { partial }), ...(later && { gap: next }) }
}

/** The files that are missing within a stream: between its first and its last one. Pure. At most `most` are named. */
export function gapsIn(
  segments: readonly string[],
  last: string | undefined,
  segmentBytes: number,
  most = 20,
): string[] {
  const [first] = segments
  const end = [segments.at(-1), last?.slice(0, 24)]
    .filter((name) => name !== undefined)
    .sort()
    .at(-1)
  if (first === undefined || end === undefined) return []
  const complete = new Set(segments)
  const missing: string[] = []
  for (let name = first; name < end && missing.length < most; name = nextSegment(name, segmentBytes)) {
    if (!complete.has(name)) missing.push(name)
  }
  return missing
}

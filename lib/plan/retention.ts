import type { CatalogueEntry, KeepPolicy } from '../model/backup.ts'

/** What retention needs to know of a backup. */
export type Retained = Pick<CatalogueEntry, 'number' | 'state' | 'created' | 'verified'> & {
  /** A begun one whose process is known to be gone. */
  dead?: boolean
}

/** The start of the span that a moment is in, for each rule that counts spans; UTC. */
const spans: Record<Exclude<keyof KeepPolicy, 'last'>, (at: Date) => string> = {
  daily: (at) => at.toISOString().slice(0, 10),
  weekly: (at) => {
    const monday = new Date(at)
    monday.setUTCDate(monday.getUTCDate() - ((monday.getUTCDay() + 6) % 7))
    return monday.toISOString().slice(0, 10)
  },
  monthly: (at) => at.toISOString().slice(0, 7),
  yearly: (at) => at.toISOString().slice(0, 4),
}

/**
 * Which backups are kept, and by which rules. The order is that of their numbers: a clock may jump, numbers do not. Backups that failed or are
 * not whole count for no rule, so that they push no good one out; one that is being taken is kept. Whatever the policy says, the newest complete
 * one and the newest verified one are kept.
 */
export function keepBackups(entries: readonly Retained[], keep: KeepPolicy): Map<number, string[]> {
  const kept = new Map<number, string[]>()
  const add = ({ number }: Retained, rule: string) => kept.set(number, [...(kept.get(number) ?? []), rule])
  const newestFirst = [...entries].sort((a, b) => b.number - a.number)
  const complete = newestFirst.filter(({ state }) => state === 'complete')
  const [newest] = complete
  const verified = complete.find((entry) => entry.verified)
  if (verified) add(verified, 'the newest verified one')
  if (newest) add(newest, 'the newest one')
  for (const entry of complete.slice(0, keep.last)) add(entry, `last ${keep.last}`)
  for (const [rule, spanOf] of Object.entries(spans) as [keyof typeof spans, (at: Date) => string][]) {
    const seen = new Set<string>()
    for (const entry of complete) {
      const at = new Date(entry.created)
      if (seen.size >= keep[rule] || Number.isNaN(at.getTime())) continue
      const span = spanOf(at)
      if (seen.has(span)) continue
      seen.add(span)
      add(entry, `${rule} ${span}`)
    }
  }
  for (const entry of newestFirst) {
    // What is begun is somebody's work, unless that is known to be dead; a damaged one is the last trace of data that may be needed.
    if (entry.state === 'begun' && entry.dead !== true) add(entry, 'being taken')
    if (entry.state === 'damaged' && !complete.some(({ number }) => number > entry.number))
      add(entry, 'damaged, and none newer')
  }
  return kept
}

/** The backups that no rule keeps, oldest first. */
export function expiredBackups(entries: readonly Retained[], keep: KeepPolicy): number[] {
  const kept = keepBackups(entries, keep)
  return entries
    .map(({ number }) => number)
    .filter((number) => !kept.has(number))
    .sort((a, b) => a - b)
}

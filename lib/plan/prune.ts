import type { Release } from '../model/release.ts'

/** The release that `rollback` goes to: the newest healthy one older than the current that no rollback left. */
export function rollbackTarget(releases: Release[], current: number | undefined): Release | undefined {
  if (current === undefined) return undefined
  return releases
    .filter((release) => release.number < current && release.outcome === 'healthy' && release.left === undefined)
    .at(-1)
}

/** Releases whose files a release's services run from, besides its own. */
const filesOf = (release: Release): number[] =>
  release.services.flatMap(({ spec }) => (spec?.source.kind === 'release' ? [spec.source.release] : []))

/**
 * The releases that may go, oldest first, when release `next` is about to become current: all but the newest `keep` older ones, and
 * never the current one, its rollback target, or one whose files a kept release or a running service uses.
 */
export function prunable(
  releases: Release[],
  options: { keep: number; current: number | undefined; next: number; used: number[] },
): number[] {
  const { keep, current, next, used } = options
  const older = releases.filter((release) => release.number < next)
  const kept = new Set(older.slice(-keep).map((release) => release.number))
  if (current !== undefined) kept.add(current)
  const target = rollbackTarget(older, next)
  if (target) kept.add(target.number)
  const before = rollbackTarget(older, current)
  if (before) kept.add(before.number)
  for (const number of used) kept.add(number)
  // Files come from the same or an older release, so one pass from the newest reaches all that is needed through others.
  for (const release of [...older].reverse()) {
    if (kept.has(release.number)) for (const number of filesOf(release)) kept.add(number)
  }
  return older.map((release) => release.number).filter((number) => !kept.has(number))
}

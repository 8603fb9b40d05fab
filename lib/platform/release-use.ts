import type { Release } from '../model/release.ts'

/**
 * Which of the releases that are to be removed are in use, and which are not: what is current or runs stays, what stays keeps the releases whose
 * files its services have, and these in turn keep theirs.
 *
 * `running`: the releases that services run now, and the current one.
 */
export function splitByUse(
  releases: readonly Release[],
  asked: readonly number[],
  running: Iterable<number | undefined>,
): { removed: number[]; kept: number[] } {
  const byNumber = new Map(releases.map((release) => [release.number, release]))
  const used = new Set([...running].filter((number) => number !== undefined))
  const stays = [...releases.map(({ number }) => number).filter((number) => !asked.includes(number)), ...used]
  for (const number of stays) {
    for (const { spec } of byNumber.get(number)?.services ?? []) {
      if (spec?.source.kind !== 'release' || used.has(spec.source.release)) continue
      used.add(spec.source.release)
      stays.push(spec.source.release)
    }
  }
  return { removed: asked.filter((number) => !used.has(number)), kept: asked.filter((number) => used.has(number)) }
}

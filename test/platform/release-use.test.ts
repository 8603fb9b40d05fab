import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Release } from '../../lib/model/release.ts'
import { splitByUse } from '../../lib/platform/release-use.ts'

/** Releases whose one service has its files from the release at its place, or its own. */
const releases = (sources: Record<number, number>): Release[] =>
  Object.entries(sources).map(
    ([number, release]) =>
      ({
        number: Number(number),
        services: [{ spec: { source: { kind: 'release', release } } }],
      }) as unknown as Release,
  )

test('what is current or runs stays, and what nobody needs goes', () => {
  const there = releases({ 1: 1, 2: 2, 3: 3, 4: 4 })
  assert.equal(splitByUse(there, [1, 2, 3], [4, 2, undefined]), { removed: [1, 3], kept: [2] })
  assert.equal(splitByUse(there, [4], [4]), { removed: [], kept: [4] })
})

test('a release that stays keeps those whose files it has, also through another one', () => {
  const there = releases({ 1: 1, 2: 1, 3: 2, 4: 4, 5: 5 })
  assert.equal(splitByUse(there, [1, 2, 4], [5]), { removed: [4], kept: [1, 2] })
  assert.equal(splitByUse(there, [1, 2, 3, 4], [5]), { removed: [1, 2, 3, 4], kept: [] })
})

test.run()

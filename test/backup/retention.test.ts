import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { KeepPolicy } from '../../lib/model/backup.ts'
import { expiredBackups, keepBackups, type Retained } from '../../lib/plan/retention.ts'
import { note } from '../support/index.ts'

const none: KeepPolicy = { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
const entry = (number: number, created: string, more: Partial<Retained> = {}): Retained => ({
  number,
  created: created.length === 10 ? `${created}T02:30:00.000Z` : created,
  state: 'complete',
  verified: false,
  ...more,
})

test('each rule keeps the newest of its spans, and says so', () => {
  const entries = [
    entry(1, '2025-12-31'),
    entry(2, '2026-10-31'),
    entry(3, '2026-11-15'),
    entry(4, '2026-11-16'),
    entry(5, '2026-11-20'),
    entry(6, '2026-11-21T02:30:00.000Z'),
    entry(7, '2026-11-21T12:00:00.000Z'),
  ]
  const kept = keepBackups(entries, { last: 1, daily: 2, weekly: 2, monthly: 2, yearly: 2 })
  assert.equal(
    [...kept].sort(([a], [b]) => a - b),
    [
      [1, ['yearly 2025']],
      [2, ['monthly 2026-10']],
      [3, ['weekly 2026-11-09']],
      [5, ['daily 2026-11-20']],
      [7, ['the newest one', 'last 1', 'daily 2026-11-21', 'weekly 2026-11-16', 'monthly 2026-11', 'yearly 2026']],
    ],
  )
  assert.equal(expiredBackups(entries, { last: 1, daily: 2, weekly: 2, monthly: 2, yearly: 2 }), [4, 6])
})

test('failures push nothing out, a running one is not expired, the newest verified one stays under any policy', () => {
  const entries = [
    entry(1, '2026-11-01', { verified: true }),
    entry(2, '2026-11-02'),
    entry(3, '2026-11-03', { state: 'begun', dead: true }),
    entry(4, '2026-11-04', { state: 'begun', dead: true }),
    entry(5, '2026-11-05', { state: 'begun' }),
  ]
  assert.equal(expiredBackups(entries, { ...none, last: 2 }), [3, 4])
  assert.equal(expiredBackups(entries, none), [3, 4])
})

test('10,000 random histories: the newest verified, the newest complete and every running one stay', () => {
  let seed = 20261121
  const random = (below: number) => {
    // Numerical Recipes' linear congruential generator.
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed % below
  }
  let removed = 0
  for (let round = 0; round < 10_000; round++) {
    const count = 1 + random(40)
    let clock = Date.UTC(2024, 0, 1) + random(700) * 86_400_000
    const entries: Retained[] = []
    for (let number = 1; number <= count; number += 1 + random(3)) {
      clock += random(40) * 3_600_000
      // A clock that was set back, or far ahead for one backup.
      const skew = random(12) === 0 ? (random(2) === 0 ? -1 : 1) * random(400) * 86_400_000 : 0
      const kind = random(10)
      entries.push({
        number,
        created: kind === 9 ? '' : new Date(clock + skew).toISOString(),
        state: kind === 0 ? 'begun' : kind === 1 ? 'damaged' : 'complete',
        verified: kind > 1 && random(4) === 0,
        dead: kind === 0 && random(2) === 0,
      })
    }
    const policy = { last: random(4), daily: random(8), weekly: random(5), monthly: random(4), yearly: random(3) }
    // In whatever order the catalogue gives them.
    const shuffled = [...entries].sort(() => random(3) - 1)
    const expired = new Set(expiredBackups(shuffled, policy))
    removed += expired.size
    const left = entries.filter(({ number }) => !expired.has(number))
    const story = () => JSON.stringify({ round, policy, entries, expired: [...expired] })
    const complete = entries.filter(({ state }) => state === 'complete')
    const verified = complete.filter((one) => one.verified).at(-1)
    if (verified) assert.ok(left.includes(verified), story())
    const newest = complete.at(-1)
    if (newest) assert.ok(left.includes(newest), story())
    for (const one of entries) if (one.state === 'begun' && !one.dead) assert.ok(left.includes(one), story())
    assert.ok(
      complete.slice(-policy.last || complete.length).every((one) => policy.last === 0 || left.includes(one)),
      story(),
    )
    // What was removed does not change what is kept: another run removes nothing.
    assert.equal(expiredBackups(left, policy), [], story())
  }
  assert.ok(removed > 10_000, `${removed} removed`)
  note(`10,000 histories, ${removed} backups expired`)
})

test.run()

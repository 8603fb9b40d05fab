import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { afterExit, delayAfter, noExits, type RestartHistory } from '../../../lib/platform/local/supervisor/restart.ts'

/** Lets a process exit again and again, each after `livedMs`, and gives each decision. */
function exits(
  count: number,
  livedMs: number,
  clean = false,
  policy: 'always' | 'on-failure' | 'never' = 'on-failure',
) {
  let history: RestartHistory = noExits
  let now = 0
  return Array.from({ length: count }, () => {
    now += livedMs
    const decision = afterExit(history, { now, livedMs, clean }, policy)
    history = decision.history
    now += decision.delayMs ?? 0
    return decision
  })
}

test('the delay doubles from 100 ms to 30 s', () => {
  const delays = exits(12, 10).map(({ delayMs }) => delayMs)
  assert.equal(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000])
  assert.is(delayAfter(5000), 30_000)
})

test('a stable minute resets the delay', () => {
  let { history } = exits(6, 10).at(-1) as ReturnType<typeof afterExit>
  const decision = afterExit(history, { now: 500_000, livedMs: 60_000, clean: false }, 'on-failure')
  assert.is(decision.delayMs, 100)
  history = decision.history
  assert.is(afterExit(history, { now: 500_200, livedMs: 100, clean: false }, 'on-failure').delayMs, 200)
})

test('three exits within a minute are a crash loop, which is retried', () => {
  assert.equal(
    exits(4, 10).map(({ history }) => history.crashLoop),
    [false, false, true, true],
  )
  assert.ok(exits(4, 10).every(({ delayMs }) => delayMs !== undefined))
})

test('exits further apart are none', () => {
  assert.ok(exits(5, 31_000).every(({ history }) => !history.crashLoop))
})

test('a crash loop lasts until a run was stable, also when the delays have grown', () => {
  const loop = exits(15, 10).at(-1) as ReturnType<typeof afterExit>
  assert.is(loop.history.exits.length, 2)
  assert.is(loop.history.crashLoop, true)
  const stable = afterExit(loop.history, { now: 10_000_000, livedMs: 60_000, clean: false }, 'on-failure')
  assert.is(stable.history.crashLoop, false)
})

test('the policy decides on status 0', () => {
  assert.is(exits(1, 10, true, 'on-failure')[0]?.delayMs, undefined)
  assert.is(exits(1, 10, true, 'always')[0]?.delayMs, 100)
  assert.is(exits(1, 10, false, 'never')[0]?.delayMs, undefined)
})

test.run()

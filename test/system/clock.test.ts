import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock, VirtualClock } from '../../lib/system/clock.ts'

test('the virtual clock wakes each sleeper at its own time, in order, and stands still otherwise', async () => {
  const clock = new VirtualClock(new Date('2026-01-02T03:04:05Z'))
  const log: string[] = []
  const sleeper = async (name: string, ...spans: number[]) => {
    for (const span of spans) {
      await clock.sleep(span)
      log.push(`${name} ${clock.now()}`)
    }
  }
  const all = [sleeper('a', 100, 100, 100), sleeper('b', 250), sleeper('c', 0)]
  await clock.advance(0)
  assert.equal(log, ['c 0'])
  await clock.advance(260)
  assert.equal(log, ['c 0', 'a 100', 'a 200', 'b 250'])
  assert.is(clock.now(), 260)
  assert.is(clock.sleeping, 1)
  assert.is(clock.wall().toISOString(), '2026-01-02T03:04:05.260Z')
  await clock.advance(40)
  await Promise.all(all)
  assert.is(log.at(-1), 'a 300')
})

for (const [name, clock] of Object.entries({ virtual: new VirtualClock(), system: systemClock })) {
  test(`the ${name} clock's sleep ends at once with the signal's reason`, async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const sleeping = clock.sleep(3_600_000, controller.signal).catch((error: unknown) => error)
    controller.abort(reason)
    assert.is(await sleeping, reason)
    assert.is(await clock.sleep(1, controller.signal).catch((error: unknown) => error), reason)
    if (clock instanceof VirtualClock) assert.is(clock.sleeping, 0)
  })
}

test('the system clock sleeps, goes on, and does not take weeks for nothing', async () => {
  const before = systemClock.now()
  await systemClock.sleep(20)
  assert.ok(systemClock.now() - before >= 19)
  assert.ok(Math.abs(systemClock.wall().getTime() - Date.now()) < 60_000)
  const controller = new AbortController()
  let ended = false
  const weeks = systemClock.sleep(2 ** 40, controller.signal).then(
    () => {
      ended = true
    },
    () => {},
  )
  await systemClock.sleep(30)
  assert.not.ok(ended)
  controller.abort()
  await weeks
})

test.run()

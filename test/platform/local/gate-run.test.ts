import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GatedProcess, GateRule } from '../../../lib/platform/local/gate.ts'
import { type GateEnd, runGate } from '../../../lib/platform/local/gate-run.ts'
import { VirtualClock } from '../../../lib/system/clock.ts'

const rule: GateRule = { passes: 2, intervalMs: 1000, deadlineMs: 10_000, oneShot: false }

/** Runs a gate on a clock that the test moves. */
function open(
  attempt: (now: number, signal: AbortSignal, clock: VirtualClock) => Promise<boolean>,
  change: Partial<GateRule> = {},
) {
  const clock = new VirtualClock()
  const controller = new AbortController()
  let process: GatedProcess = { kind: 'alive', instance: 'a' }
  let wake = () => {}
  const said: string[] = []
  let end: GateEnd | undefined
  let endedAt: number | undefined
  const done = runGate(
    { ...rule, ...change },
    {
      process: () => process,
      changed: () =>
        new Promise((resolve) => {
          wake = resolve
        }),
      attempt: async (signal) => {
        const passed = await attempt(clock.now(), signal, clock)
        return { passed, message: passed ? 'ok' : 'refused' }
      },
      progress: ({ message }) => said.push(message),
    },
    clock,
    controller.signal,
  ).then((result) => {
    end = result
    endedAt = clock.now()
    return result
  })
  return {
    clock,
    done,
    said,
    abort: () => controller.abort(),
    set(next: GatedProcess) {
      process = next
      wake()
    },
    get end() {
      return end?.verdict
    },
    get endedAt() {
      return endedAt
    },
  }
}

test('attempts are an interval apart, and results are told when they change', async () => {
  const at: number[] = []
  const gate = open(async (now) => {
    at.push(now)
    return now >= 3000
  })
  await gate.clock.advance(20_000)
  assert.equal(at, [0, 1000, 2000, 3000, 4000])
  assert.equal(gate.end, { kind: 'passed' })
  assert.equal(gate.said, ['refused', 'ok'])
})

test('an attempt that hangs is ended at the deadline', async () => {
  let aborted = false
  const gate = open(
    (_now, signal) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          aborted = true
        })
      }),
  )
  await gate.clock.advance(9999)
  assert.is(gate.end, undefined)
  await gate.clock.advance(1)
  assert.equal(gate.end, { kind: 'failed', cause: 'no probe answered within 10s' })
  assert.ok(aborted)
})

test('an exit ends the gate in the middle of an attempt', async () => {
  const gate = open(() => new Promise(() => {}))
  await gate.clock.advance(1500)
  gate.set({ kind: 'dead', cause: 'its process ended with status 9' })
  await gate.done
  assert.equal(gate.end, { kind: 'failed', cause: 'its process ended with status 9' })
  assert.is(gate.endedAt, 1500)
})

test('a pass of the instance before the restart does not count', async () => {
  const gate = open(async (_now, _signal, clock) => {
    await clock.sleep(100)
    return true
  })
  await gate.clock.advance(1050)
  gate.set({ kind: 'restarting', cause: 'status 1' })
  await gate.clock.advance(500)
  assert.is(gate.end, undefined)
  gate.set({ kind: 'alive', instance: 'b' })
  await gate.clock.advance(5000)
  assert.equal(gate.end, { kind: 'passed' })
  assert.is(gate.endedAt, 2650)
})

test('an interruption ends it without a verdict', async () => {
  const gate = open(() => new Promise(() => {}))
  await gate.clock.advance(10)
  gate.abort()
  assert.is(await gate.done, undefined)
})

test.run()

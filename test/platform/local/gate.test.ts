import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Gate,
  type GateRule,
  type GateVerdict,
  judge,
  openGate,
  withAttempt,
  withProcess,
} from '../../../lib/platform/local/gate.ts'

const rule: GateRule = { passes: 2, intervalMs: 1000, deadlineMs: 10_000, oneShot: false }
const alive = { kind: 'alive', instance: 'a' } as const

/** Runs a gate against a script: what an attempt at a given time finds, and what happens to the process when. */
function play(script: {
  rule?: Partial<GateRule>
  probe?(now: number): { passed: boolean; takesMs?: number; message?: string }
  process?: [at: number, process: Parameters<typeof withProcess>[1]][]
}): { verdict: GateVerdict; at: number; gate: Gate } {
  let now = 0
  let gate = openGate({ ...rule, ...script.rule }, now)
  const changes = [...(script.process ?? [[0, alive]])] as [number, Parameters<typeof withProcess>[1]][]
  const changeUntil = (until: number) => {
    while ((changes[0]?.[0] ?? Number.POSITIVE_INFINITY) <= until) {
      const [at, process] = changes.shift() as (typeof changes)[number]
      now = Math.max(now, at)
      gate = withProcess(gate, process)
      if (judge(gate, now).kind !== 'waiting') return
    }
  }
  for (let steps = 0; steps < 10_000; steps++) {
    changeUntil(now)
    const verdict = judge(gate, now)
    if (verdict.kind !== 'waiting') return { verdict, at: now, gate }
    const next = Math.min(
      verdict.probeAt ?? verdict.deadlineAt,
      verdict.deadlineAt,
      changes[0]?.[0] ?? verdict.deadlineAt,
    )
    if (verdict.probeAt === undefined || next < verdict.probeAt) {
      now = next
      continue
    }
    const startedAt = verdict.probeAt
    const instance = gate.process?.kind === 'alive' ? gate.process.instance : ''
    const { passed, takesMs = 10, message = 'refused' } = script.probe?.(startedAt) ?? { passed: true }
    const until = Math.min(startedAt + takesMs, verdict.deadlineAt)
    changeUntil(until)
    now = Math.max(now, until)
    if (startedAt + takesMs >= verdict.deadlineAt) continue
    gate = withAttempt(gate, { passed, message, startedAt, instance })
  }
  throw new Error('the gate came to no verdict')
}

test('passes after the passes in a row, an interval apart', () => {
  const { verdict, at } = play({ probe: () => ({ passed: true }) })
  assert.equal(verdict, { kind: 'passed' })
  assert.is(at, 1010)
})

test('one pass is not enough, however long it is ago', () => {
  const { verdict } = play({ probe: (now) => ({ passed: now === 0 }) })
  assert.is(verdict.kind, 'failed')
})

test('a service that flaps never passes, and the cause says so', () => {
  const { verdict, at } = play({ probe: (now) => ({ passed: (now / 1000) % 2 === 0, message: 'status 503' }) })
  assert.is(at, 10_000)
  assert.equal(verdict, {
    kind: 'failed',
    cause: 'it flaps: 5 of 10 attempts passed, never 2 in a row within 10s; last failure: status 503',
  })
})

test('a slow start passes late, as long as the deadline is not over', () => {
  const { verdict, at } = play({ probe: (now) => ({ passed: now >= 7500 }) })
  assert.equal(verdict, { kind: 'passed' })
  assert.is(at, 9010)
})

test('a service that never answers fails at the deadline itself, in the middle of an attempt', () => {
  const { verdict, at } = play({ probe: () => ({ passed: true, takesMs: 60_000 }) })
  assert.is(at, 10_000)
  assert.equal(verdict, { kind: 'failed', cause: 'no probe answered within 10s' })
})

test('what passes too late to be complete before the deadline fails', () => {
  const { verdict } = play({ probe: (now) => ({ passed: now >= 9000 }) })
  assert.equal(verdict, {
    kind: 'failed',
    cause: 'only 1 of 2 passes in a row within 10s; last failure: refused',
  })
})

test('an exit fails at once, not at the deadline', () => {
  const { verdict, at } = play({
    probe: () => ({ passed: false }),
    process: [
      [0, alive],
      [1500, { kind: 'dead', cause: 'its process ended with status 7' }],
    ],
  })
  assert.is(at, 1500)
  assert.equal(verdict, { kind: 'failed', cause: 'its process ended with status 7' })
})

test('a process that cannot be spawned fails before any attempt', () => {
  const { verdict, gate } = play({ process: [[0, { kind: 'dead', cause: 'no such program' }]] })
  assert.equal(verdict, { kind: 'failed', cause: 'no such program' })
  assert.is(gate.attempts, 0)
})

test('passes of one instance do not count for the next', () => {
  const { at, gate } = play({
    probe: () => ({ passed: true }),
    process: [
      [0, alive],
      [500, { kind: 'restarting', cause: 'its process ended with status 1' }],
      [600, { kind: 'alive', instance: 'b' }],
    ],
  })
  assert.is(gate.attempts, 3)
  assert.is(at, 2010)
})

test('an attempt that began on the old instance does not count for the new one', () => {
  let gate = withProcess(openGate(rule, 0), alive)
  gate = withProcess(gate, { kind: 'alive', instance: 'b' })
  gate = withAttempt(gate, { passed: true, message: 'ok', startedAt: 0, instance: 'a' })
  assert.is(gate.inARow, 0)
})

test('nothing is probed while no process lives', () => {
  const gate = withProcess(openGate(rule, 0), { kind: 'restarting', cause: 'status 1' })
  assert.equal(judge(gate, 5), { kind: 'waiting', deadlineAt: 10_000 })
  const end = judge(gate, 10_000)
  assert.equal(end, {
    kind: 'failed',
    cause: 'it was not running when the time was over (within 10s); last failure: status 1',
  })
})

test('a one-shot service is ready when it exits 0, and no probe is asked', () => {
  const { verdict, at, gate } = play({
    rule: { oneShot: true },
    process: [
      [0, alive],
      [3000, { kind: 'finished' }],
    ],
  })
  assert.equal(verdict, { kind: 'passed' })
  assert.is(at, 3000)
  assert.is(gate.attempts, 0)
})

test('a one-shot service that does not end fails at the deadline', () => {
  const { verdict, at } = play({ rule: { oneShot: true } })
  assert.equal(verdict, { kind: 'failed', cause: 'it did not run to its end within 10s' })
  assert.is(at, 10_000)
})

test('a service that is no one-shot and exits 0 fails', () => {
  const { verdict } = play({
    process: [
      [0, alive],
      [20, { kind: 'finished' }],
    ],
  })
  assert.equal(verdict, { kind: 'failed', cause: 'its process ended with status 0' })
})

test.run()

import { mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ExecuteOptions, type Execution, executePlan } from '../../lib/execute/execute.ts'
import { openJournal } from '../../lib/execute/journal.ts'
import { logPath } from '../../lib/execute/run-record.ts'
import { listRuns } from '../../lib/execute/runs.ts'
import type { LogEvent } from '../../lib/log/events.ts'
import { failed, ok, type Result } from '../../lib/model/failure.ts'
import type { Op } from '../../lib/model/op.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Effect, Holder, Lease, OpContext, OpResult } from '../../lib/model/platform.ts'
import { temporaryFolder } from '../support/index.ts'
import { hook, planOf, step } from './support/plans.ts'

type Behaviour = (op: Op, context: OpContext) => Promise<Result<OpResult>>
type Outcome = Execution & { events: LogEvent[]; ops: string; run: string }

const root = temporaryFolder()
const newFolder = () => join(mkdtempSync(join(root, 'w-')), '.ops')

/** For handlers that must not be called. */
const never: Behaviour = async (op) => {
  throw new Error(`${op.id} was run`)
}

const holder: Holder = { run: 'r', user: 'ada', host: 'h', pid: 1, purpose: 'deploy', since: 'now' }

async function execute(plan: Plan, run: Behaviour, options: Partial<ExecuteOptions> = {}): Promise<Outcome> {
  const ops = newFolder()
  const events: LogEvent[] = []
  const journal = await openJournal({ ops, operation: 'deploy', arguments: {}, environment: 'dev', warn: () => {} })
  const handler = { run, check: async () => 'unknown' as const }
  const execution = await executePlan(plan, {
    handlers: { 'stop-service': handler, 'run-hook': handler },
    journal,
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    secrets: { find: () => undefined },
    redact: {
      text: (text) => text.replaceAll('hunter22', '[redacted]'),
      value: (value) => JSON.parse(JSON.stringify(value).replaceAll('hunter22', '[redacted]')),
    },
    ...options,
  })
  await journal.close()
  return { ...execution, events, ops, run: journal.run }
}

const ends = ({ ended }: Execution) => [...ended].map(([id, end]) => `${id} ${end}`)

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

test('a plan runs in its order; each op is in the journal before it acts, and its end before the next one starts', async () => {
  const seen: string[][] = []
  const plan = planOf(step('a'), step('b', ['a']))
  const ops = newFolder()
  const journal = await openJournal({ ops, operation: 'deploy', arguments: {}, environment: 'dev', warn() {} })
  const run: Behaviour = async (op) => {
    const [now] = await listRuns(ops)
    seen.push((now?.ops ?? []).map(({ id, state }) => `${id} ${state}`))
    return ok({ message: `did ${op.id}` })
  }
  const outcome = await execute(plan, run, { journal })
  assert.equal(seen, [['a begun'], ['a done', 'b begun']])
  assert.equal(outcome.failures, [])
  assert.equal(
    outcome.events.map((event) => event.type),
    ['op-started', 'op-ended', 'op-started', 'op-ended'],
  )
})

test('a failed op keeps its failure, the rest is skipped and says why', async () => {
  const outcome = await execute(planOf(step('a'), step('b', ['a']), step('c', ['b'])), async (op) =>
    op.id === 'a' ? failed({ code: 'port-in-use', message: 'port 8080 is taken', next: ['lsof -i :8080'] }) : ok({}),
  )
  assert.equal(ends(outcome), ['a failed', 'b skipped', 'c skipped'])
  assert.equal(outcome.failures, [
    { op: 'a', code: 'port-in-use', message: 'port 8080 is taken', next: ['lsof -i :8080'] },
  ])
  const last = outcome.events.at(-1)
  assert.ok(last?.type === 'op-ended' && last.message === 'because of b')
})

test('one of two fails: the other is aborted and waited for, and its own failure does not count', async () => {
  let ended = false
  const outcome = await execute(planOf(step('bad'), step('slow')), async (op, { signal }) => {
    if (op.id === 'bad') return failed({ code: 'x', message: 'boom' })
    await untilAborted(signal)
    await new Promise((resolve) => setTimeout(resolve, 50))
    ended = true
    return failed({ code: 'aborted', message: 'told to end' })
  })
  assert.ok(ended)
  assert.equal(ends(outcome), ['bad failed', 'slow aborted'])
  assert.equal(
    outcome.failures.map(({ message }) => message),
    ['boom'],
  )
})

test('an op is told to end at its deadline; what its handler knew is the reason', async () => {
  const outcome = await execute(planOf(step('slow', [], { timeoutMs: 50 })), async (_op, { signal }) => {
    await untilAborted(signal)
    return failed({ code: 'not-ready', message: 'GET /readyz answered 503', lines: ['no database'] })
  })
  assert.equal(outcome.failures, [
    {
      op: 'slow',
      code: 'op-timeout',
      message: 'was not done within 50ms',
      why: 'GET /readyz answered 503',
      lines: ['no database'],
    },
  ])
  assert.equal(ends(outcome), ['slow failed'])
})

test('a termination signal aborts what runs; the failure has the outcome of the signal', async () => {
  const controller = new AbortController()
  const outcome = await execute(
    planOf(step('a'), step('b', ['a'])),
    async (_op, { signal }) => {
      controller.abort({ signal: 'SIGTERM', exitCode: 143 })
      await untilAborted(signal)
      throw signal.reason
    },
    { signal: controller.signal },
  )
  assert.equal(ends(outcome), ['a aborted', 'b skipped'])
  assert.is(outcome.failures[0]?.outcome, 'terminated')
})

test('a signal after the last op has no effect on what was done', async () => {
  const controller = new AbortController()
  const outcome = await execute(
    planOf(step('a')),
    async () => {
      controller.abort({ signal: 'SIGINT', exitCode: 130 })
      return ok({})
    },
    { signal: controller.signal },
  )
  assert.equal(ends(outcome), ['a done'])
  assert.equal(outcome.failures, [])
})

test('what a handler throws is reported as a defect, and the journal is complete all the same', async () => {
  const outcome = await execute(planOf(step('a'), step('b', ['a'])), async () => {
    throw new TypeError('x is not a function')
  })
  assert.is(outcome.failures[0]?.code, 'defect')
  assert.match(outcome.failures[0]?.message ?? '', /a defect of vital-ops in stop-service: x is not a function/)
  const [found] = await listRuns(outcome.ops)
  assert.equal(
    found?.ops.map(({ id, state }) => `${id} ${state}`),
    ['a not-done'],
  )
})

test('a plan with an op that nobody handles does not begin', async () => {
  let message = ''
  const plan = planOf(step('a'), { ...step('b'), kind: 'prune-releases', data: { releases: [1] } } as Op)
  await execute(plan, never).catch((error: Error) => {
    message = error.message
  })
  assert.match(message, /no handler for prune-releases \(b\)/)
})

test('hooks: a failure fails the plan, or only warns', async () => {
  const run: Behaviour = async (op) => (op.kind === 'run-hook' ? failed({ code: 'x', message: 'no mail' }) : ok({}))
  const warned = await execute(planOf(hook('mail', [], { onError: 'warn' }), step('next', ['mail'])), run)
  assert.equal(ends(warned), ['mail warned', 'next done'])
  assert.equal(warned.failures, [])
  const broken = await execute(planOf(hook('mail', []), step('next', ['mail'])), run)
  assert.equal(ends(broken), ['mail failed', 'next skipped'])
  assert.is(broken.failures[0]?.message, 'no mail')
})

/** A lease as the executor sees it: each proof is answered by the next of `answers`, the last one for ever. */
function lease(answers: boolean[]): Lease & { needs: number[]; lose(): void } {
  const controller = new AbortController()
  const needs: number[] = []
  return {
    holder,
    needs,
    lost: controller.signal,
    lose: () => controller.abort(),
    async prove(needMs) {
      needs.push(needMs)
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      if (!answer) controller.abort()
      return answer ?? true
    },
    release: async () => {},
  }
}

test('no op starts without proof that the lock outlasts it', async () => {
  const ran: string[] = []
  const held = lease([true, false])
  const plan = planOf(step('a', [], { timeoutMs: 1000 }), step('b', ['a'], { timeoutMs: 7000 }), step('c', ['b']))
  const outcome = await execute(
    plan,
    async (op) => {
      ran.push(op.id)
      return ok({})
    },
    { lease: held },
  )
  assert.equal(ran, ['a'])
  assert.equal(ends(outcome), ['a done', 'b skipped', 'c skipped'])
  assert.is(outcome.failures[0]?.code, 'lock-lost')
  assert.is(outcome.failures[0]?.outcome, 'locked')
  assert.ok((held.needs[0] ?? 0) > 1000 && (held.needs[1] ?? 0) > 7000)
})

test('the lock must outlast the longest op that runs, not only the one that starts', async () => {
  const held = lease([true])
  let started = 0
  const plan = planOf(step('long', [], { timeoutMs: 60_000 }), step('short', [], { timeoutMs: 1000 }))
  await execute(
    plan,
    async () => {
      started += 1
      while (started < 2) await new Promise((resolve) => setImmediate(resolve))
      return ok({})
    },
    { lease: held },
  )
  assert.ok(
    held.needs.every((need) => need > 60_000),
    String(held.needs),
  )
})

test('a lock that is lost while an op runs ends the op', async () => {
  const held = lease([true])
  const outcome = await execute(
    planOf(step('a'), step('b', ['a'])),
    async (_op, { signal }) => {
      held.lose()
      await untilAborted(signal)
      return failed({ code: 'aborted', message: 'told to end' })
    },
    { lease: held },
  )
  assert.equal(ends(outcome), ['a aborted', 'b skipped'])
  assert.is(outcome.failures[0]?.code, 'lock-lost')
})

test('output goes to the log and to people without secrets, and so do messages and failures', async () => {
  const outcome = await execute(planOf(step('a'), step('b', ['a'])), async (op, { output }) => {
    output('password is hunter22')
    if (op.id === 'a') return ok({ message: 'used hunter22' })
    return failed({ code: 'x', message: 'hunter22 is wrong', lines: ['hunter22'] })
  })
  assert.not.match(JSON.stringify([outcome.events, outcome.failures]), /hunter22/)
  assert.is(readFileSync(logPath(outcome.ops, outcome.run, 'a'), 'utf8'), 'password is [redacted]\n')
  const [found] = await listRuns(outcome.ops)
  assert.not.match(JSON.stringify(found?.entries), /hunter22/)
  assert.is(outcome.failures[0]?.message, '[redacted] is wrong')
})

test('how hooks ended is kept with the release; one that may not repeat is not run again', async () => {
  const kept: Effect[] = []
  const store = {
    recordEffect: async (_release: number, effect: Effect) => void kept.push(effect),
    effects: async () => [...kept],
  }
  const effects = { release: 1, store }
  const ran: string[] = []
  const plan = planOf(hook('once', [], { repeatable: false }), hook('often', ['once']), step('end', ['often']))
  const run: Behaviour = async (op) => {
    ran.push(op.id)
    return ok({})
  }
  await execute(plan, run, { effects })
  assert.equal(
    kept.map(({ op, ended }) => `${op} ${ended}`),
    ['once begun', 'once done', 'often done'],
  )
  const again = await execute(plan, run, { effects })
  assert.equal(ran, ['once', 'often', 'end', 'often', 'end'])
  assert.equal(ends(again), ['once present', 'often done', 'end done'])

  kept.splice(1)
  const doubtful = await execute(plan, run, { effects })
  assert.equal(ends(doubtful), ['once warned', 'often done', 'end done'])
  assert.match(JSON.stringify(doubtful.events), /nobody knows whether it was completed/)

  kept.splice(0, kept.length, { op: 'once', ended: 'begun', at: '' }, { op: 'once', ended: 'failed', at: '' })
  assert.is((await execute(plan, run, { effects })).ended.get('once'), 'done', 'a failed one is run again')
})

test('a full disk: what cannot be journaled is not begun', async () => {
  const ops = newFolder()
  const journal = await openJournal({ ops, operation: 'deploy', arguments: {}, environment: 'dev', warn: () => {} })
  const full = {
    ...journal,
    record: async () => ({ code: 'disk-full', message: 'journal.jsonl could not be written' }),
  }
  const outcome = await execute(planOf(step('a'), step('b', ['a'])), never, {
    journal: full,
  })
  assert.is(outcome.failures[0]?.code, 'disk-full')
  assert.equal(ends(outcome), ['a skipped', 'b skipped'])
})

test.run()

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { newRunId } from '../../lib/execute/journal.ts'
import { runOperation } from '../../lib/execute/operation.ts'
import type { Operation, OperationOptions } from '../../lib/execute/operation-request.ts'
import { findUnfinished, leftRelease, nextCommands, unfinishedFindings } from '../../lib/execute/recovery.ts'
import { listRuns } from '../../lib/execute/runs.ts'
import { failed, ok } from '../../lib/model/failure.ts'
import type { Op } from '../../lib/model/op.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Platform } from '../../lib/model/platform.ts'
import type { Release } from '../../lib/model/release.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { localLock } from '../../lib/platform/local/lock.ts'
import { localReleases } from '../../lib/platform/local/releases.ts'
import { note, temporaryFolder } from '../support/index.ts'
import { hook, planOf, step } from './support/plans.ts'

const root = temporaryFolder()
const newOps = () => join(mkdtempSync(join(root, 'w-')), '.ops')

const snapshot: Snapshot = { at: 'now', services: {}, ports: [], releases: [], programs: {}, built: {} }

type How = 'done' | 'unchanged'

/** An operation with a real lock, journal and release store; its ops do what the test says. */
function operate(
  ops: string,
  plan: Plan,
  change: {
    does?: (op: Op) => How | Promise<How>
    operation?: Partial<Operation>
    options?: Partial<OperationOptions>
    approved?: Plan
  } = {},
) {
  const handler = {
    run: async (op: Op) =>
      (await change.does?.(op)) === 'unchanged'
        ? failed({ code: 'changed-meanwhile', message: `${op.id} is another one`, outcome: 'unchanged' })
        : ok({}),
    check: async () => 'unknown' as const,
  }
  const releases = localReleases(ops, 'dev')
  const platform = {
    preflight: async () => [],
    lock: localLock({ ops, environment: 'dev' }),
    releases,
    status: async () => [],
    administrator: async () => failed({ code: 'none', message: 'no database here' }),
    endLeftovers: async () => {},
  } as unknown as Platform
  const operation: Operation = {
    run: newRunId(),
    ops,
    environment: 'dev',
    protected: false,
    platform,
    handlers: { 'stop-service': handler, 'run-hook': handler },
    secrets: { find: () => undefined },
    arguments: {},
    purpose: 'a test',
    prepare: async () => ok({ plan, snapshot }),
    ...change.operation,
  }
  const options: OperationOptions = {
    dryRun: false,
    yes: false,
    emit: () => {},
    redact: { text: (text) => text, value: (value) => value },
    signal: new AbortController().signal,
    ...(change.approved ? { approved: change.approved } : {}),
    ...change.options,
  }
  return runOperation(operation, options)
}

test('an op that was not done changes nothing, but a run that has changed something before it does not say so', async () => {
  const plan = planOf(step('one'), step('two', ['one']))
  const second = await operate(newOps(), plan, { does: ({ id }) => (id === 'two' ? 'unchanged' : 'done') })
  assert.is(second.outcome, 'failed')
  assert.is(second.failures[0]?.message, 'two is another one')
  const first = await operate(newOps(), plan, { does: () => 'unchanged' })
  assert.is(first.outcome, 'unchanged')
})

test('a plan that was approved for another environment or operation does not run', async () => {
  const plan = planOf(step('one'))
  for (const approved of [
    { ...plan, environment: 'staging' },
    { ...plan, operation: 'services down' },
  ]) {
    const result = await operate(newOps(), plan, { approved })
    assert.is(result.outcome, 'unchanged')
    assert.is(result.failures[0]?.code, 'plan-of-another')
  }
  assert.is((await operate(newOps(), plan, { approved: plan })).outcome, 'done')
})

const release = (number: number, run = 'r'): Release => ({
  version: 1,
  number,
  workspace: { name: 'stats', id: 'w1' },
  environment: 'dev',
  platform: 'local',
  created: '2026-11-20T10:00:00.000Z',
  by: 'ada',
  run,
  revision: 'v1.4',
  commit: 'c',
  services: [],
  hooks: {},
  schema: [],
  outcome: 'pending',
})
const releaseOf = async (ops: string, number: number) =>
  (await localReleases(ops, 'dev').list()).find((one) => one.number === number)

test('what a hook calls shares the lock, and gives nothing back; a deploy in it is refused', async () => {
  const ops = newOps()
  const lock = localLock({ ops, environment: 'dev' })
  const said: string[] = []
  const up = { ...planOf(step('inner')), operation: 'services up' }
  const result = await operate(
    ops,
    { ...planOf(step('outer'), step('last', ['outer'])), release: release(1) },
    {
      does: async ({ id }): Promise<How> => {
        if (id !== 'outer') return 'done'
        const [first, second] = await Promise.all([operate(ops, up), operate(ops, up)])
        said.push(first.outcome, second.outcome, (await lock.inspect())?.purpose ?? 'free')
        const deploy = await operate(ops, { ...planOf(step('inner')), release: release(2) })
        said.push(deploy.outcome, deploy.failures[0]?.code ?? '')
        return 'done'
      },
    },
  )
  assert.equal(said, ['done', 'done', 'a test', 'unchanged', 'release-under-way'])
  assert.equal([result.outcome, (await releaseOf(ops, 1))?.outcome], ['done', 'healthy'])
  assert.is(await lock.inspect(), undefined)
  const runs = await listRuns(ops)
  assert.equal(
    runs.map(({ header, outcome }) => [header?.within === result.run, outcome]),
    [
      [true, 'done'],
      [true, 'done'],
      [false, 'done'],
    ],
  )
})

test('operations of one process on one environment wait for each other', async () => {
  const ops = newOps()
  let working = 0
  const most: number[] = []
  const does = async () => {
    working += 1
    most.push(working)
    await new Promise((resolve) => setImmediate(resolve))
    working -= 1
    return 'done' as const
  }
  const all = await Promise.all(['a', 'b', 'c'].map((id) => operate(ops, planOf(step(id)), { does })))
  assert.equal(
    [all.map(({ outcome }) => outcome), most],
    [
      ['done', 'done', 'done'],
      [1, 1, 1],
    ],
  )
})

test('a hook does not wait for an environment that another operation of the command works on', async () => {
  const [one, other] = [newOps(), newOps()]
  let crossed: string | undefined
  let met = () => {}
  const busy = new Promise<void>((resolve) => {
    met = resolve
  })
  let end = () => {}
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  const first = operate(other, planOf(step('busy')), {
    does: async (): Promise<How> => {
      met()
      await over
      return 'done'
    },
  })
  await busy
  const second = await operate(one, planOf(step('hook')), {
    does: async (): Promise<How> => {
      crossed = (await operate(other, planOf(step('inner')))).outcome
      return 'done'
    },
  })
  end()
  assert.equal([crossed, second.outcome, (await first).outcome], ['locked', 'done', 'done'])
})

test('what was agreed to once is not asked again, another loss is', async () => {
  const ops = newOps()
  const asked: string[] = []
  const ask = async (question: string) => {
    asked.push(question)
    return 'dev'
  }
  const plain = planOf(step('a'))
  const options = { ask }
  for (const _ of [1, 2])
    assert.is((await operate(ops, plain, { operation: { protected: true }, options })).outcome, 'done')
  assert.is(asked.length, 1)
  const loss = planOf(step('a', [], { destructive: true }))
  const yes = {
    ask: async (question: string) => {
      asked.push(question)
      return 'y'
    },
  }
  for (const _ of [1, 2])
    assert.is((await operate(ops, loss, { operation: { protected: true }, options: yes })).outcome, 'done')
  assert.is(asked.length, 2)
  assert.is((await operate(ops, planOf(step('b', [], { destructive: true })))).failures[0]?.code, 'not-confirmed')
})

/** A dead run's open release of an environment. */
async function withDead(): Promise<string> {
  const ops = newOps()
  await localReleases(ops, 'dev').open(release(1, 'dead'))
  return ops
}

test('a run that is refused or fails on its way does not settle what it met; nor one about a part', async () => {
  const failing = await withDead()
  assert.is((await operate(failing, planOf(step('one')), { does: () => 'unchanged' })).outcome, 'unchanged')
  assert.is((await releaseOf(failing, 1))?.outcome, 'pending')
  assert.is((await operate(failing, planOf(step('one')), { operation: { covers: [] } })).outcome, 'done')
  assert.is((await releaseOf(failing, 1))?.outcome, 'pending')
  assert.is((await operate(failing, planOf(step('one')))).outcome, 'done')
  assert.is((await releaseOf(failing, 1))?.outcome, 'failed')
})

test('a deploy that went back in order has superseded what it met', async () => {
  const ops = await withDead()
  const goBack = async () => ok(planOf(step('back')))
  const plan = { ...planOf(step('one')), release: release(2) }
  const does = ({ id }: Op) => (id === 'one' ? ('unchanged' as const) : ('done' as const))
  await operate(ops, plan, { does, operation: { goBack } })
  assert.equal([(await releaseOf(ops, 1))?.outcome, (await releaseOf(ops, 2))?.outcome], ['failed', 'failed'])
})

test('interrupted on the way back: the release stays open, and resume and abort are named', async () => {
  const ops = newOps()
  const stop = new AbortController()
  const goBack = async () => ok(planOf(step('back')))
  const plan = { ...planOf(step('one')), release: release(1) }
  const does = ({ id }: Op) => {
    if (id === 'back') stop.abort({ signal: 'SIGTERM' })
    return 'unchanged' as const
  }
  const result = await operate(ops, plan, { does, operation: { goBack }, options: { signal: stop.signal } })
  assert.is(result.outcome, 'terminated')
  assert.equal(result.failures[0]?.next, ['task resume dev', 'task abort dev'])
  assert.is((await releaseOf(ops, 1))?.outcome, 'pending')
})

test('hooks of a rollback are remembered with the release that it leaves, until it is left', async () => {
  const ops = newOps()
  const store = localReleases(ops, 'dev')
  for (const number of [1, 2]) {
    await store.open(release(number))
    await store.close(number, { outcome: 'healthy' })
  }
  await store.setCurrent(2, 'r')
  const left = hook('once', [], { repeatable: false })
  if (left.kind === 'run-hook') {
    left.data.moment = 'afterRollback'
    left.data.arguments = { ...left.data.arguments, release: 1, previous: 2 }
  }
  const plan: Plan = { ...planOf(left, step('end', ['once'])), operation: 'rollback', target: 1 }
  const ran: string[] = []
  const run = async (ends: 'done' | 'unchanged') =>
    operate(ops, plan, {
      does: ({ id }) => {
        ran.push(id)
        return id === 'end' ? ends : 'done'
      },
      operation: {
        prepare: async () => ok({ plan, snapshot: { ...snapshot, current: 2, releases: await store.list() } }),
      },
    })
  assert.is((await run('unchanged')).outcome, 'stuck')
  assert.is((await run('done')).outcome, 'done')
  assert.equal(ran, ['once', 'end', 'end'])
  assert.is(await store.current(), 1)
  await store.setCurrent(2, 'r')
  await run('done')
  assert.equal(ran.slice(3), ['once', 'end'], 'left anew, it runs anew')
})

test('a record that cannot be written: exit 3 before a change, unfinished after it', async () => {
  const taken = newOps()
  await localReleases(taken, 'dev').open(release(1, 'other'))
  const plan = { ...planOf(step('one')), release: release(1) }
  const refused = await operate(taken, plan)
  assert.equal([refused.outcome, refused.failures[0]?.code], ['unchanged', 'release-number-taken'])

  const full = newOps()
  const at = join(full, 'releases/dev')
  mkdirSync(at, { recursive: true })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', at])
  if (mounted.status !== 0) return note('skipped: no file system can be mounted here')
  try {
    const ended = await operate(full, plan, {
      does: () => {
        fill(join(at, 'filler'))
        return 'done'
      },
    })
    assert.equal([ended.outcome, ended.failures[0]?.code], ['unfinished', 'disk-full'])
    assert.equal(ended.failures[0]?.next?.slice(-2), ['task resume dev', 'task abort dev'])
    const again = await operate(full, { ...planOf(step('one')), release: release(2) })
    assert.equal([again.outcome, again.failures[0]?.code], ['unchanged', 'disk-full'])
    assert.is(await localLock({ ops: full, environment: 'dev' }).inspect(), undefined, 'the lock is given back')
    rmSync(join(at, 'filler'))
    assert.is((await operate(full, { ...planOf(step('one')), release: release(2) })).outcome, 'done')
    assert.equal([(await releaseOf(full, 1))?.outcome, (await releaseOf(full, 2))?.outcome], ['failed', 'healthy'])
  } finally {
    spawnSync('umount', [at])
  }
})

test('a release that is healthy, but could not be made current: the next command writes that down', async () => {
  if (process.platform !== 'linux') return note('skipped: no file here that can be read and never be replaced')
  for (const next of ['resume', 'deploy', 'rollback'] as const) {
    const ops = newOps()
    const store = localReleases(ops, 'dev')
    assert.is((await operate(ops, { ...planOf(step('one')), release: release(1) })).outcome, 'done')
    const pointer = join(ops, 'releases/dev/current.json')
    const written = readFileSync(pointer, 'utf8')
    rmSync(pointer)
    symlinkSync('/proc/sys/kernel/ostype', pointer)

    const ended = await operate(ops, { ...planOf(step('one')), release: release(2) })
    assert.is(ended.outcome, 'unfinished')
    assert.equal(ended.failures[0]?.next?.slice(-2), ['task resume dev', 'task rollback dev'])
    assert.is((await releaseOf(ops, 2))?.outcome, 'healthy')
    assert.is(await store.current(), 2, 'the records say so')
    const place = { ops, environment: 'dev', releases: store }
    const left = await findUnfinished(place, undefined)
    assert.equal(left && [left.healthy?.number, nextCommands(left)], [2, ['task resume dev']])
    assert.is((await leftRelease(left, store))?.number, 2)
    assert.match(left ? (unfinishedFindings(left)[0]?.message ?? '') : '', /of release 2 \(v1\.4\) .* left work/)

    const nothing = planOf()
    const recover = () => {
      if (next === 'resume') return operate(ops, nothing, { operation: { recovers: 'resumed' } })
      if (next === 'deploy') return operate(ops, nothing)
      const back: Plan = { ...planOf(step('back')), operation: 'rollback', target: 1 }
      const prepare = async () =>
        ok({ plan: back, snapshot: { ...snapshot, current: 2, releases: await store.list() } })
      return operate(ops, back, { operation: { prepare } })
    }
    if (next === 'resume') {
      assert.is((await recover()).outcome, 'done')
      assert.ok(await findUnfinished(place, undefined), 'it still cannot be written down, and is reported again')
    }
    rmSync(pointer)
    writeFileSync(pointer, written)
    assert.is((await recover()).outcome, 'done')
    assert.is(await findUnfinished(place, undefined), undefined)
    assert.is(JSON.parse(readFileSync(pointer, 'utf8')).release, next === 'rollback' ? 1 : 2)
  }
})

/** Writes until nothing more fits. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(1024))
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ENOSPC')
  } finally {
    closeSync(file)
  }
}

test.run()

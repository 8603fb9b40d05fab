import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { newRunId } from '../../lib/execute/journal.ts'
import { runOperation } from '../../lib/execute/operation.ts'
import type { Operation, OperationOptions } from '../../lib/execute/operation-request.ts'
import { failed, ok } from '../../lib/model/failure.ts'
import type { Op } from '../../lib/model/op.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Platform } from '../../lib/model/platform.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { localLock } from '../../lib/platform/local/lock.ts'
import { localReleases } from '../../lib/platform/local/releases.ts'
import { temporaryFolder } from '../support/index.ts'
import { planOf, step } from './support/plans.ts'

const root = temporaryFolder()
const newOps = () => join(mkdtempSync(join(root, 'w-')), '.ops')

const snapshot: Snapshot = { at: 'now', services: {}, ports: [], releases: [], programs: {}, built: {} }

/** An operation with a real lock, journal and release store; its ops do what the test says. */
function operate(
  ops: string,
  plan: Plan,
  change: { does?: (op: Op) => 'done' | 'unchanged'; operation?: Partial<Operation>; approved?: Plan } = {},
) {
  const handler = {
    run: async (op: Op) =>
      change.does?.(op) === 'unchanged'
        ? failed({ code: 'changed-meanwhile', message: `${op.id} is another one`, outcome: 'unchanged' })
        : ok({}),
    check: async () => 'unknown' as const,
  }
  const releases = localReleases(ops, 'dev')
  const platform = {
    preflight: async () => [],
    lock: localLock({ ops, environment: 'dev' }),
    releases,
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

test.run()

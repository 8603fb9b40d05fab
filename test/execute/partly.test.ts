import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { partlyDone } from '../../lib/execute/partly.ts'
import { partByCover, type Unfinished } from '../../lib/execute/recovery.ts'
import type { Run } from '../../lib/execute/runs.ts'
import type { OpEnd } from '../../lib/log/events.ts'
import type { Op } from '../../lib/model/op.ts'

const op = (id: string, after: string[], service?: string): Op =>
  ({
    id,
    after,
    kind: 'stop-service',
    cause: '',
    changes: true,
    timeoutMs: 1,
    data: {},
    ...(service && { service }),
  }) as unknown as Op

test('what was skipped is told with what failed, however far before it', () => {
  const ops = [
    op('pull:x', []),
    op('start:a', [], 'a'),
    op('gate:a', ['start:a'], 'a'),
    op('start:b', ['gate:a', 'pull:x'], 'b'),
    op('start:c', ['start:b'], 'c'),
    op('start:d', [], 'd'),
  ]
  const ends: Record<string, OpEnd> = {
    'pull:x': 'failed',
    'start:a': 'done',
    'gate:a': 'failed',
    'start:b': 'skipped',
    'start:c': 'skipped',
    'start:d': 'done',
  }
  const failure = { code: 'gate-failed', message: 'a is not ready', why: 'it ended', op: 'gate:a' }
  assert.equal(partlyDone({ ops }, new Map(Object.entries(ends)), [failure]), {
    done: ['d'],
    failed: [{ service: 'a', reason: 'is not ready: it ended' }],
    skipped: [
      { service: 'b', because: ['a', 'pull:x'] },
      { service: 'c', because: ['a', 'pull:x'] },
    ],
  })
})

test('what a resilient run left is made good by who brings up all of it', () => {
  const run: Run = {
    run: 'r',
    state: 'ended',
    outcome: 'partial',
    ops: [],
    openReleases: [],
    entries: [],
    left: ['a', 'b'],
  }
  const unfinished: Unfinished = { environment: 'dev', runs: [run], releases: [] }
  assert.ok(partByCover(unfinished, undefined).mine, 'a whole one')
  assert.ok(partByCover(unfinished, [], undefined, ['a', 'b', 'c']).mine)
  assert.not.ok(partByCover(unfinished, [], undefined, ['a']).mine)
  assert.ok(partByCover(unfinished, [], undefined, ['a']).others)
})

test.run()

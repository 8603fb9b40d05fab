import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isEmpty } from '../../lib/model/plan.ts'
import type { Release } from '../../lib/model/release.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { prunable, rollbackTarget } from '../../lib/plan/prune.ts'
import { renderPlan } from '../../lib/plan/render.ts'
import { planRollback, planStopRelease, withoutChanges } from '../../lib/plan/rollback.ts'
import { deployed, desired, migration, revised, running, up } from './world.ts'

const environment = 'dev'
const history = (count: number): Snapshot => {
  let snapshot = up()
  for (let number = 1; number <= count; number++) {
    snapshot = deployed(revised(snapshot, `v${number}`, { api: `a${number}`, worker: 'w1' }))
  }
  return snapshot
}

const change = (snapshot: Snapshot, number: number, fields: Partial<Release>): Snapshot => ({
  ...snapshot,
  releases: snapshot.releases.map((release) => (release.number === number ? { ...release, ...fields } : release)),
})

test('goes to the newest healthy release older than the current one', () => {
  const plan = planRollback(history(3), { environment })
  assert.is(plan.target, 2)
  assert.is(
    renderPlan(plan),
    [
      'rollback dev: 1 change',
      '  ~ start:api  restart api (release 2) on 8003 — its files changed',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: release 2 (v2) becomes current; the schema stays',
    ].join('\n'),
  )
})

test('passes over failed, pending and left releases', () => {
  const left = { at: 'x', run: 'r', to: 1 }
  let snapshot = change(history(6), 5, { outcome: 'failed' })
  snapshot = change(snapshot, 4, { outcome: 'pending' })
  snapshot = change(snapshot, 3, { left })
  assert.is(planRollback(snapshot, { environment }).target, 2)
})

test('--to N goes to a healthy release only', () => {
  const snapshot = change(history(3), 2, { outcome: 'failed' })
  assert.is(planRollback(snapshot, { environment, to: 1 }).target, 1)
  assert.is(planRollback(snapshot, { environment, to: 2 }).findings[0]?.rule, 'release-not-healthy')
  assert.is(planRollback(snapshot, { environment, to: 9 }).findings[0]?.rule, 'unknown-release')
})

test('with nothing to go back to, it says so', () => {
  assert.is(planRollback(up(), { environment }).findings[0]?.rule, 'no-release')
  assert.is(planRollback(history(1), { environment }).findings[0]?.rule, 'no-rollback-target')
})

test('is refused only across an applied breaking migration', () => {
  const snapshot = history(2)
  const applied = snapshot.database?.applied ?? []
  snapshot.database = { created: true, reachable: true, ready: true, applied: [...applied, migration('003')] }
  assert.equal(planRollback(snapshot, { environment }).findings, [])
  snapshot.database.applied = [...applied, migration('004', 'breaking')]
  assert.is(planRollback(snapshot, { environment }).findings[0]?.rule, 'rollback-across-breaking')
})

test('with the database: a backup, then what was migrated since is undone, the last first', () => {
  const down = { path: 'x', sha256: 'x' }
  const undoable = { ...migration('004', 'breaking'), down }
  const catalogue = desired()
  const database = catalogue.database as NonNullable<typeof catalogue.database>
  const files = [...database.migrations, { ...migration('003'), down }, undoable]
  const asked = { desired: { ...catalogue, database: { ...database, migrations: files } }, clients: [17] }
  const snapshot = history(2)
  const applied = snapshot.database?.applied ?? []
  snapshot.database = {
    ...{ created: true, reachable: true, ready: true },
    applied: [...applied, migration('003'), migration('004', 'breaking')],
  }
  const plan = planRollback(snapshot, { environment, withDatabase: asked })
  assert.equal(
    plan.findings.filter(({ severity }) => severity === 'error'),
    [],
  )
  assert.equal(
    plan.ops.slice(0, 3).map(({ id, after }) => [id, after]),
    [
      ['backup', []],
      ['undo:postgres', ['backup']],
      ['start:api', ['undo:postgres']],
    ],
  )
  const undo = plan.ops[1]
  assert.equal(undo?.kind === 'revert-migrations' && undo.data.files.map(({ version }) => version), ['004', '003'])
  const without = {
    ...asked,
    desired: { ...asked.desired, database: { ...database, migrations: database.migrations } },
  }
  assert.is(planRollback(snapshot, { environment, withDatabase: without }).findings[0]?.rule, 'migration-missing')
})

test('when the database does not answer, the record of the current release decides', () => {
  const snapshot = change(history(2), 2, { schema: [migration('004', 'breaking')] })
  snapshot.database = { created: true, reachable: false }
  assert.is(planRollback(snapshot, { environment }).findings[0]?.rule, 'rollback-across-breaking')
})

test('after a failed deploy: what the bad release changed comes back, what it added is stopped', () => {
  const before = history(1)
  const bad = deployed(revised(before, 'v2', { api: 'a2', worker: 'w1' }))
  const record = bad.releases.at(-1) as Release
  const extra = { service: 'new', fingerprint: {}, dependencies: [] }
  const snapshot = change({ ...bad, current: 1 }, 2, { outcome: 'failed', services: [...record.services, extra] })
  snapshot.services.new = running('new', {}, 2)
  const plan = planRollback(snapshot, { environment, from: 2 })
  assert.is(plan.target, undefined, 'the current release stays current')
  assert.is(
    renderPlan(plan),
    [
      'rollback dev: 2 changes',
      '  ~ start:api  restart api (release 1) on 8003 — its files changed',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  - stop:new   stop new — release 1 does not have it [at once]',
    ].join('\n'),
  )
})

test('a failed first deploy stops what it started and nothing else', () => {
  const snapshot = deployed(up())
  const failed = snapshot.releases[0] as Release
  assert.is(
    renderPlan(planStopRelease(snapshot, failed)),
    [
      'stop failed release dev: 2 changes',
      '  - stop:worker  stop worker — release 1 failed',
      '  - stop:api     stop api — release 1 failed',
    ].join('\n'),
  )
})

/** A failed release 2 over a healthy release 1, with hooks and people to tell. */
function failedWithHooks(): Snapshot {
  const wanted = desired({
    deploy: {
      hooks: {
        onFailure: [{ task: 'collect' }, { task: 'page', onError: 'fail', repeatable: false }],
        afterRollback: [{ task: 'warm' }],
      },
    },
    notifications: [{ on: ['healthy', 'failed', 'rolled-back'], command: ['tell'], timeout: '5s' }],
  })
  const before = deployed(up(), wanted)
  const bad = deployed(revised(before, 'v2', { api: 'a2', worker: 'w1' }), wanted)
  return change({ ...bad, current: 1 }, 2, { outcome: 'failed' })
}

test('the way back begins with the hooks of the failed release and says how it ended', () => {
  const plan = planRollback(failedWithHooks(), { environment, from: 2 })
  assert.is(
    renderPlan(plan),
    [
      'rollback dev: 1 change',
      '  · hook:onFailure:collect   hook onFailure: collect (a failure only warns)',
      '  · hook:onFailure:page      hook onFailure: page (a failure only warns)',
      '  · notify:failed:1          notify (failed): tell',
      '  ~ start:api                restart api (release 1) on 8003 — its files changed',
      '  · gate:api                 gate api: 2 passes in a row of being alive, within 60s',
      '  · hook:afterRollback:warm  hook afterRollback: warm',
      '  · notify:rolled-back:1     notify (rolled-back): tell',
    ].join('\n'),
  )
  assert.equal(
    plan.ops.map((op) => op.after),
    plan.ops.map((_, index) => (index === 0 ? [] : [plan.ops[index - 1]?.id])),
    'one after the other',
  )
  const [, page] = plan.ops
  assert.equal(page?.kind === 'run-hook' && page.data.arguments, {
    environment,
    release: 2,
    revision: 'v2',
    previous: 1,
  })
})

test('where the way back is refused, the hooks of the failure still run', () => {
  const plan = planRollback(failedWithHooks(), { environment, from: 2 })
  assert.equal(
    withoutChanges(plan).ops.map((op) => op.id),
    ['hook:onFailure:collect', 'hook:onFailure:page', 'notify:failed:1'],
  )
})

test('a failed first deploy runs its hooks before anything is stopped', () => {
  const snapshot = failedWithHooks()
  const first = { ...(snapshot.releases[1] as Release), number: 1 }
  const { services } = snapshot
  const plan = planStopRelease({ ...snapshot, services, releases: [first] }, first)
  assert.equal(
    plan.ops.map((op) => op.id),
    ['hook:onFailure:collect', 'hook:onFailure:page', 'notify:failed:1', 'stop:worker'],
  )
  assert.equal(plan.ops[3]?.after, ['notify:failed:1'])
})

test('a failed first deploy stops the engine that it started, and no other', () => {
  const before = up()
  const stopped = deployed({ ...before, services: {} })
  const ofFirst = (snapshot: Snapshot) =>
    planStopRelease(snapshot, snapshot.releases[0] as Release).ops.map((op) => op.id)
  assert.equal(ofFirst(stopped), ['stop:worker', 'stop:api', 'stop:postgres'])
  assert.equal(ofFirst(deployed(before)), ['stop:worker', 'stop:api'])
})

test('a failed first deploy also stops the engine that a dead one before it started', () => {
  const { current: _, ...begun } = deployed({ ...up(), services: {} })
  const afterNext = (outcome: Release['outcome']) => {
    const next = deployed(change(begun, 1, { outcome }))
    return planStopRelease(next, next.releases[1] as Release).ops.map((op) => op.id)
  }
  assert.equal(afterNext('pending'), ['stop:worker', 'stop:api', 'stop:postgres'])
  assert.equal(
    afterNext('failed'),
    ['stop:worker', 'stop:api'],
    'what runs after a closed release was started by someone else',
  )
})

test('a failed first deploy also stops what is between two starts of a crash loop', () => {
  const snapshot = deployed(up())
  const { pid: _, ...api } = snapshot.services.api as NonNullable<Snapshot['services'][string]>
  snapshot.services.api = { ...api, status: 'error', health: 'unknown', retrying: true }
  const plan = planStopRelease(snapshot, snapshot.releases[0] as Release)
  assert.equal(
    plan.ops.map((op) => op.id),
    ['stop:worker', 'stop:api'],
  )
})

test('a release whose database password was another one gets its role set back before its services start', () => {
  const snapshot = history(2)
  const [first, second] = snapshot.releases as [Release, Release]
  const rotated = {
    ...(second.database as NonNullable<Release['database']>),
    password: { secret: 'PASSWORD', digest: 'd2' },
  }
  const plan = planRollback({ ...snapshot, releases: [first, { ...second, database: rotated }] }, { environment })
  assert.equal(renderPlan(plan).split('\n').slice(1, 3), [
    '  + ensure:postgres  ensure database stats and role stats on postgres — release 1 knows another password than release 2',
    '  ~ start:api        restart api (release 1) on 8003 — its files changed',
  ])
  const ensure = plan.ops.find((op) => op.kind === 'ensure-database')
  assert.is(ensure?.kind === 'ensure-database' && ensure.data.password.digest, 'd1')
})

test('needs no catalogue: a service that is gone from it comes back from the record', () => {
  const snapshot = history(2)
  delete snapshot.services.worker
  delete snapshot.source
  assert.match(renderPlan(planRollback(snapshot, { environment })), 'start worker (release 1)')
})

test('moves the pointer even where nothing has to be restarted', () => {
  const snapshot = history(1)
  const copy = { ...(snapshot.releases[0] as Release), number: 2 }
  const plan = planRollback({ ...snapshot, releases: [...snapshot.releases, copy], current: 2 }, { environment })
  assert.not(isEmpty(plan))
  assert.is(plan.target, 1)
})

test('10,000 random histories: the current release, its target and files in use are never pruned', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const template = history(1).releases[0] as Release
  for (let round = 0; round < 10_000; round++) {
    const count = 1 + random(12)
    const releases: Release[] = Array.from({ length: count }, (_, index) => ({
      ...template,
      number: index + 1,
      outcome: (['healthy', 'healthy', 'failed', 'pending'] as const)[random(4)] ?? 'healthy',
      ...(random(5) === 0 ? { left: { at: 'x', run: 'r', to: 1 } } : {}),
      services: [
        {
          service: 'api',
          fingerprint: {},
          dependencies: [],
          spec: {
            ...(template.services[2]?.spec as NonNullable<Release['services'][number]['spec']>),
            source: { kind: 'release', release: 1 + random(index + 1) },
          },
        },
      ],
    }))
    const healthy = releases.filter((release) => release.outcome === 'healthy')
    const current = healthy[random(Math.max(healthy.length, 1))]?.number
    const used = [1 + random(count)]
    const gone = new Set(prunable(releases, { keep: 1 + random(4), current, next: count + 1, used }))
    const kept = releases.filter((release) => !gone.has(release.number))
    assert.not(current !== undefined && gone.has(current), 'the current one')
    assert.not(gone.has(rollbackTarget(releases, current)?.number ?? -1), 'its rollback target')
    assert.not(gone.has(rollbackTarget(releases, count + 1)?.number ?? -1), 'the rollback target of the next one')
    assert.not(gone.has(used[0] as number), 'files of a running service')
    for (const release of kept) {
      const { source } = release.services[0]?.spec ?? {}
      assert.not(source?.kind === 'release' && gone.has(source.release), 'files of a kept release')
    }
  }
})

test('desired and observed are not changed by planning', () => {
  const snapshot = history(2)
  const text = JSON.stringify([snapshot, desired()])
  planRollback(snapshot, { environment })
  assert.is(JSON.stringify([snapshot, desired()]), text)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isEmpty } from '../../lib/model/plan.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { planDeploy } from '../../lib/plan/deploy.ts'
import { renderPlan } from '../../lib/plan/render.ts'
import { deployed, desired, empty, migration, revised, service, up } from './world.ts'

const options = { allowDirty: false, run: 'run-1', by: 'ann', at: '2026-01-02T03:04:05.000Z' }
const hooks = {
  beforeBuild: [{ task: 'lint' }],
  afterBuild: [{ task: 'scan' }],
  beforeMigrate: [{ task: 'announce' }],
  afterMigrate: [{ task: 'analyze' }],
  beforeGate: [{ task: 'prime' }],
  afterHealthy: [{ task: 'warm-cache', onError: 'warn' }],
}

test('the first deploy moves the stack from the working tree into a release', () => {
  assert.is(
    renderPlan(planDeploy(desired(), up(), options)),
    [
      'deploy dev: 5 changes',
      '  + export        take HEAD (c0ffee00c0ff) as release 1 — a release runs its own copy of the files',
      '  + build:api     build api: node build.js — runs the working tree',
      '  + build:worker  build worker: node build.js — runs the working tree [after export]',
      '  ~ start:api     restart api (release 1) on 8003 — runs the working tree [after build:api]',
      '  · gate:api      gate api: 2 passes in a row of being alive, within 60s',
      '  ~ start:worker  restart worker (release 1) on 8006 — runs the working tree [after build:worker]',
      '  · gate:worker   gate worker: 2 passes in a row of being alive, within 60s',
      '  note: when a gate fails: what this deploy started is stopped, data are kept',
    ].join('\n'),
  )
})

test('a deploy onto nothing creates the database, and changes nothing before all is built', () => {
  assert.is(
    renderPlan(planDeploy(desired({ deploy: { hooks } }), empty(), options)),
    [
      'deploy dev: 9 changes',
      '  + export                        take HEAD (c0ffee00c0ff) as release 1 — a release runs its own copy of the files',
      '  · hook:beforeBuild:lint         hook beforeBuild: lint',
      '  + build:api                     build api: node build.js — not running',
      '  + build:worker                  build worker: node build.js — not running [after hook:beforeBuild:lint]',
      '  · hook:afterBuild:scan          hook afterBuild: scan [after build:api, build:worker]',
      '  + create:postgres               create the data of postgres (postgres 17) — no data yet',
      '  + start:postgres                start postgres on 5432 — not running',
      '  · gate:postgres                 gate postgres: 2 passes in a row of being alive, within 60s',
      '  + ensure:postgres               ensure database stats and role stats on postgres — the data are new',
      '  · hook:beforeMigrate:announce   hook beforeMigrate: announce',
      '  + migrate:postgres              migrate postgres: 001 change-001, 002 change-002 — 2 pending',
      '  · hook:afterMigrate:analyze     hook afterMigrate: analyze',
      '  + start:api                     start api (release 1) on 8003 — not running [after hook:afterBuild:scan, hook:afterMigrate:analyze]',
      '  · gate:api                      gate api: 2 passes in a row of being alive, within 60s',
      '  + start:worker                  start worker (release 1) on 8006 — not running [after hook:afterBuild:scan, hook:afterMigrate:analyze]',
      '  · hook:beforeGate:prime         hook beforeGate: prime',
      '  · gate:worker                   gate worker: 2 passes in a row of being alive, within 60s',
      '  · hook:afterHealthy:warm-cache  hook afterHealthy: warm-cache (a failure only warns) [after gate:api, gate:worker]',
      '  note: when a gate fails: what this deploy started is stopped, data are kept',
    ].join('\n'),
  )
})

test('the same revision again has nothing to do, with hooks, notifications and pruning configured', () => {
  const wanted = desired({ deploy: { hooks, keep: 1 }, notifications: [{ on: ['healthy'], command: ['tell'] }] })
  const plan = planDeploy(wanted, deployed(up(), wanted), options)
  assert.ok(isEmpty(plan))
  assert.is(plan.release, undefined)
  assert.is(renderPlan(plan), 'deploy dev: nothing to do')
})

test('only the service whose files changed is built and restarted', () => {
  const snapshot = revised(deployed(up()), 'v2', { api: 'a2', worker: 'w1' })
  const plan = planDeploy(desired(), snapshot, options)
  assert.is(
    renderPlan(plan),
    [
      'deploy dev: 3 changes',
      '  + export     take v2 (v200000000) as release 2 — a release runs its own copy of the files',
      '  + build:api  build api: node build.js — its files changed',
      '  ~ start:api  restart api (release 2) on 8003 — its files changed',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: when a gate fails: back to release 1 (c0ffee00c0ff); the schema stays',
    ].join('\n'),
  )
  const worker = plan.release?.services.find((entry) => entry.service === 'worker')
  assert.equal(worker?.spec?.source, { kind: 'release', release: 1 }, 'the worker keeps the files that it runs from')
})

test('a changed variable is named, its value is not', () => {
  const wanted = desired()
  const api = wanted.services.find((entry) => entry.name === 'api')
  if (api?.spec) {
    api.spec = { ...api.spec, environment: { LOG_LEVEL: 'debug' } }
    api.fingerprint = { ...api.fingerprint, 'environment.LOG_LEVEL': 'debug' }
  }
  assert.is(
    renderPlan(planDeploy(wanted, deployed(up()), options)),
    [
      'deploy dev: 3 changes',
      '  + export     take HEAD (c0ffee00c0ff) as release 2 — a release runs its own copy of the files',
      '  + build:api  build api: node build.js — environment changed: LOG_LEVEL',
      '  ~ start:api  restart api (release 2) on 8003 — environment changed: LOG_LEVEL',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: when a gate fails: back to release 1 (c0ffee00c0ff); the schema stays',
    ].join('\n'),
  )
})

test('pending expand migrations run between the build and the roll, with their hooks', () => {
  const wanted = desired({ deploy: { hooks } })
  const before = deployed(up(), wanted)
  wanted.database?.migrations.push(migration('003'))
  assert.is(
    renderPlan(planDeploy(wanted, revised(before, 'v2', { api: 'a2', worker: 'w2' }), options)),
    [
      'deploy dev: 6 changes',
      '  + export                        take v2 (v200000000) as release 2 — a release runs its own copy of the files',
      '  · hook:beforeBuild:lint         hook beforeBuild: lint',
      '  + build:api                     build api: node build.js — its files changed',
      '  + build:worker                  build worker: node build.js — its files changed [after hook:beforeBuild:lint]',
      '  · hook:afterBuild:scan          hook afterBuild: scan [after build:api, build:worker]',
      '  · hook:beforeMigrate:announce   hook beforeMigrate: announce',
      '  + migrate:postgres              migrate postgres: 003 change-003 — 1 pending',
      '  · hook:afterMigrate:analyze     hook afterMigrate: analyze',
      '  ~ start:api                     restart api (release 2) on 8003 — its files changed [after hook:afterBuild:scan, hook:afterMigrate:analyze]',
      '  · gate:api                      gate api: 2 passes in a row of being alive, within 60s',
      '  ~ start:worker                  restart worker (release 2) on 8006 — its files changed [after hook:afterBuild:scan, hook:afterMigrate:analyze]',
      '  · hook:beforeGate:prime         hook beforeGate: prime',
      '  · gate:worker                   gate worker: 2 passes in a row of being alive, within 60s',
      '  · hook:afterHealthy:warm-cache  hook afterHealthy: warm-cache (a failure only warns) [after gate:api, gate:worker]',
      '  note: when a gate fails: back to release 1 (c0ffee00c0ff); the schema stays',
    ].join('\n'),
  )
})

test('a breaking migration is destructive and says so beforehand', () => {
  const wanted = desired()
  const before = deployed(up())
  wanted.database?.migrations.push(migration('003', 'breaking'))
  const plan = planDeploy(wanted, before, options)
  assert.is(
    renderPlan(plan),
    [
      'deploy dev: 2 changes',
      '  + export            take HEAD (c0ffee00c0ff) as release 2 — a release runs its own copy of the files',
      '  ! migrate:postgres  migrate postgres: 003 change-003 (breaking) — 1 pending',
      '  note: no way back but restore once 003 is applied (breaking)',
    ].join('\n'),
  )
})

test('a partial deploy rolls what it names, copies the rest, and prunes only by policy', () => {
  const snapshot = revised(deployed(up()), 'v2', { api: 'a2', worker: 'w2' })
  const plan = planDeploy(desired(), snapshot, { ...options, only: ['worker'] })
  assert.is(
    renderPlan(plan),
    [
      'deploy dev: 3 changes',
      '  + export        take v2 (v200000000) as release 2 — a release runs its own copy of the files',
      '  + build:worker  build worker: node build.js — its files changed',
      '  ~ start:worker  restart worker (release 2) on 8006 — its files changed',
      '  · gate:worker   gate worker: 2 passes in a row of being alive, within 60s',
      '  note: when a gate fails: back to release 1 (c0ffee00c0ff); the schema stays',
    ].join('\n'),
  )
  const sources = plan.release?.services.map(({ service: name, spec }) => [name, spec?.artefact, spec?.source])
  assert.equal(sources, [
    ['postgres', undefined, { kind: 'working-tree' }],
    ['redis', undefined, undefined],
    ['api', 'a1', { kind: 'release', release: 1 }],
    ['worker', 'w2', { kind: 'release', release: 2 }],
  ])
})

test('a partial deploy brings back what an unhealthy release has left of the others', () => {
  const half = deployed(revised(deployed(up()), 'v2', { api: 'a2', worker: 'w1' }))
  const releases = half.releases.map((release) =>
    release.number === 2 ? { ...release, outcome: 'failed' as const } : release,
  )
  const snapshot = revised({ ...half, releases, current: 1 }, 'v3', { api: 'a3', worker: 'w3' })
  const plan = planDeploy(desired(), snapshot, { ...options, only: ['worker'] })
  const starts = plan.ops.flatMap((op) => (op.kind === 'start-service' ? [[op.data.service, op.data.spec.source]] : []))
  assert.equal(starts, [
    ['api', { kind: 'release', release: 1 }],
    ['worker', { kind: 'release', release: 3 }],
  ])
  assert.equal(
    plan.ops.filter((op) => op.kind === 'run-build').map(({ service }) => service),
    ['worker'],
  )
})

test('a partial deploy neither takes in services that it does not name nor drops those that left the catalogue', () => {
  const before = revised(deployed(up()), 'v2', { api: 'a2', web: 'x2' })
  const services = [...desired().services.filter(({ name }) => name !== 'worker'), service('web', [], 'files')]
  const plan = planDeploy(desired({ services }), before, { ...options, only: ['api'] })
  assert.equal(
    plan.release?.services.map((entry) => entry.service),
    ['postgres', 'redis', 'api', 'worker'],
  )
})

test('a partial deploy without the database does not claim its pending migrations', () => {
  const web = service('web', [], 'files')
  const wanted = desired({ services: [...desired().services, web] })
  const before = deployed(revised(up(), 'v1', { api: 'a1', worker: 'w1', web: 'x1' }), wanted)
  wanted.database?.migrations.push(migration('003'))
  const plan = planDeploy(wanted, revised(before, 'v2', { api: 'a1', worker: 'w1', web: 'x2' }), {
    ...options,
    only: ['web'],
  })
  assert.not.ok(plan.ops.some((op) => op.kind === 'apply-migrations'))
  assert.equal(
    plan.release?.schema.map(({ version }) => version),
    ['001', '002'],
  )
})

test('a breaking migration that may be pending is refused while the database does not answer', () => {
  const before: Snapshot = { ...deployed(up()), database: { created: true, reachable: false } }
  const wanted = desired()
  assert.not.ok(planDeploy(wanted, before, options).findings.some(({ severity }) => severity === 'error'))
  wanted.database?.migrations.push(migration('003', 'breaking'))
  assert.is(planDeploy(wanted, before, options).findings[0]?.rule, 'breaking-migration-unknown')
})

test('the first deploy cannot be a partial one', () => {
  const plan = planDeploy(desired(), up(), { ...options, only: ['api'] })
  assert.equal(
    plan.findings.map((finding) => finding.rule),
    ['partial-first-deploy'],
  )
  assert.ok(isEmpty(plan))
})

test('uncommitted changes are refused, or taken as they are', () => {
  const dirty = up()
  dirty.source = { revision: 'working tree', commit: 'tree-abc', dirty: ['a.js', 'b.js'], artefacts: { api: 'd1' } }
  const refused = planDeploy(desired(), dirty, options)
  assert.is(refused.findings[0]?.rule, 'uncommitted-changes')
  const taken = planDeploy(desired(), dirty, { ...options, allowDirty: true })
  assert.not.ok(taken.findings.some((finding) => finding.severity === 'error'))
  assert.match(renderPlan(taken), '+ export        take the working tree as release 1')
})

test('a service that left the catalogue is stopped after the gates', () => {
  const before = revised(deployed(up()), 'v2', { api: 'a2' })
  const wanted = desired({ services: desired().services.filter((entry) => entry.name !== 'worker') })
  assert.is(
    renderPlan(planDeploy(wanted, before, options)),
    [
      'deploy dev: 4 changes',
      '  + export       take v2 (v200000000) as release 2 — a release runs its own copy of the files',
      '  + build:api    build api: node build.js — its files changed',
      '  ~ start:api    restart api (release 2) on 8003 — its files changed',
      '  · gate:api     gate api: 2 passes in a row of being alive, within 60s',
      '  - stop:worker  stop worker — no longer in the catalogue',
      '  note: when a gate fails: back to release 1 (c0ffee00c0ff); the schema stays',
    ].join('\n'),
  )
})

test('what a dead deploy left running is replaced: its release is not healthy', () => {
  const before = deployed(up())
  const half = deployed(revised(before, 'v2', { api: 'a2', worker: 'w1' }))
  const pending = half.releases.map((release) =>
    release.number === 2 ? { ...release, outcome: 'pending' as const } : release,
  )
  const plan = planDeploy(desired(), { ...half, releases: pending, current: 1 }, options)
  assert.is(
    renderPlan(plan),
    [
      'deploy dev: 3 changes',
      '  + export     take v2 (v200000000) as release 3 — a release runs its own copy of the files',
      '  + build:api  build api: node build.js — runs release 2, which is not healthy',
      '  ~ start:api  restart api (release 3) on 8003 — runs release 2, which is not healthy',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: when a gate fails: back to release 1 (c0ffee00c0ff); the schema stays',
    ].join('\n'),
  )
})

test('notifications and pruning come last', () => {
  const wanted = desired({
    deploy: { keep: 1 },
    notifications: [{ on: ['healthy', 'failed'], command: ['tell', 'x'] }],
  })
  let snapshot = up()
  for (const revision of ['v1', 'v2', 'v3', 'v4']) {
    snapshot = deployed(revised(snapshot, revision, { api: `a-${revision}`, worker: `w-${revision}` }), wanted)
  }
  const plan = planDeploy(wanted, revised(snapshot, 'v5', { api: 'a5', worker: 'w5' }), options)
  assert.is(
    renderPlan(plan),
    [
      'deploy dev: 5 changes',
      '  + export            take v5 (v500000000) as release 5 — a release runs its own copy of the files',
      '  + build:api         build api: node build.js — its files changed',
      '  + build:worker      build worker: node build.js — its files changed [after export]',
      '  ~ start:api         restart api (release 5) on 8003 — its files changed [after build:api]',
      '  · gate:api          gate api: 2 passes in a row of being alive, within 60s',
      '  ~ start:worker      restart worker (release 5) on 8006 — its files changed [after build:worker]',
      '  · gate:worker       gate worker: 2 passes in a row of being alive, within 60s',
      '  · prune             prune releases 1, 2 [after gate:api, gate:worker]',
      '  · notify:healthy:1  notify (healthy): tell',
      '  note: when a gate fails: back to release 4 (v4); the schema stays',
    ].join('\n'),
  )
})

test('a one-shot that finished is not run again', () => {
  const wanted = desired({ services: [service('postgres', [], 'engine'), service('job', ['postgres'], 'files')] })
  const job = wanted.services[1]
  if (job?.spec) job.spec = { ...job.spec, oneShot: true }
  const snapshot = deployed(revised(up(), 'v1', { job: 'j1' }), wanted)
  const finished = snapshot.services.job
  if (finished) {
    finished.status = 'stopped'
    finished.exit = { status: 0, at: options.at }
  }
  assert.ok(isEmpty(planDeploy(wanted, snapshot, options)))
})

test("the policy's gate goes in the place of what services say, in the deploy's gates alone", () => {
  const wanted = desired({ deploy: { gate: { passes: 5, deadline: '3m', interval: '2s' } } })
  const plan = planDeploy(wanted, up(), { allowDirty: false, run: 'r', by: 'ann', at: '2026-01-02T03:04:05.000Z' })
  assert.match(renderPlan(plan), /gate api: 5 passes in a row of being alive, within 180s/)
  const gate = plan.ops.find((op) => op.kind === 'wait-gate')
  assert.is(gate?.kind === 'wait-gate' && gate.data.spec.health.intervalMs, 2000)
  assert.is(gate?.timeoutMs, 190_000)
  assert.is(plan.release?.services.find(({ service }) => service === 'api')?.spec?.health.passes, 2)
})

test.run()

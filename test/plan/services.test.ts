import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isEmpty } from '../../lib/model/plan.ts'
import { planDigest } from '../../lib/plan/digest.ts'
import { parsePlanFile, planFileText } from '../../lib/plan/plan-file.ts'
import { renderPlan } from '../../lib/plan/render.ts'
import { planServicesDown, planServicesRestart, planServicesUp } from '../../lib/plan/services.ts'
import { deployed, desired, empty, revised, service, up } from './world.ts'

test('up starts everything after its dependencies', () => {
  assert.is(
    renderPlan(planServicesUp(desired(), empty(), { workingTree: false })),
    [
      'services up dev: 7 changes',
      '  + build:api        build api: node build.js — not built yet',
      '  + build:worker     build worker: node build.js — not built yet [at once]',
      '  + create:postgres  create the data of postgres (postgres 17) — no data yet [at once]',
      '  + start:postgres   start postgres on 5432 — not running',
      '  · gate:postgres    gate postgres: 2 passes in a row of being alive, within 60s',
      '  + ensure:postgres  ensure database stats and role stats on postgres — the data are new',
      '  + start:api        start api on 8003 — not running [after build:api, ensure:postgres]',
      '  · gate:api         gate api: 2 passes in a row of being alive, within 60s',
      '  + start:worker     start worker on 8006 — not running [after build:worker, ensure:postgres]',
      '  · gate:worker      gate worker: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('up of one service takes its dependencies along', () => {
  assert.is(
    renderPlan(planServicesUp(desired(), empty(), { names: ['api'], workingTree: false })),
    [
      'services up dev: 5 changes',
      '  + build:api        build api: node build.js — not built yet',
      '  + create:postgres  create the data of postgres (postgres 17) — no data yet [at once]',
      '  + start:postgres   start postgres on 5432 — not running',
      '  · gate:postgres    gate postgres: 2 passes in a row of being alive, within 60s',
      '  + ensure:postgres  ensure database stats and role stats on postgres — the data are new',
      '  + start:api        start api on 8003 — not running [after build:api, ensure:postgres]',
      '  · gate:api         gate api: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('up of a category', () => {
  assert.is(
    renderPlan(planServicesUp(desired(), empty(), { category: 'databases', workingTree: false })),
    [
      'services up dev: 3 changes',
      '  + create:postgres  create the data of postgres (postgres 17) — no data yet',
      '  + start:postgres   start postgres on 5432 — not running',
      '  · gate:postgres    gate postgres: 2 passes in a row of being alive, within 60s',
      '  + ensure:postgres  ensure database stats and role stats on postgres — the data are new',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('resilient: each service waits for no more than it cannot do without', () => {
  const wanted = desired()
  const services = wanted.services.map((one) =>
    one.name === 'worker' ? { ...one, dependencies: [{ service: 'api', optional: true }] } : one,
  )
  const plan = planServicesUp({ ...wanted, services }, empty(), { workingTree: false, resilient: true })
  const start = plan.ops.find(({ id }) => id === 'start:worker')
  assert.equal([start?.after, start?.afterEnd], [['build:worker'], ['gate:api']])
  assert.match(renderPlan(plan), /start:worker .* \[after build:worker\] \[with or without gate:api\]/)
  const again = parsePlanFile(planFileText(plan), 'plan.json')
  assert.ok(again.ok && planDigest(again.value) === planDigest(plan))
})

test('the rest of a resilient up leaves dependencies that are up as they are', () => {
  const snapshot = up()
  delete snapshot.services.worker
  const changed = {
    ...desired(),
    services: desired().services.map((one) => ({ ...one, fingerprint: { command: 'x' } })),
  }
  const ids = (rest: boolean) =>
    planServicesUp(changed, snapshot, { names: ['worker'], workingTree: true, rest }).ops.flatMap(({ id, kind }) =>
      kind === 'start-service' ? [id] : [],
    )
  assert.equal(ids(false), ['start:postgres', 'start:worker'])
  assert.equal(ids(true), ['start:worker'])
})

test('up again has nothing to do', () => {
  assert.ok(isEmpty(planServicesUp(desired(), up(), { workingTree: false })))
})

test('up restarts what changed in the working tree, and says what', () => {
  const snapshot = revised(up(), 'working tree', { api: 'a2', worker: 'w1' })
  assert.is(
    renderPlan(planServicesUp(desired(), snapshot, { workingTree: false })),
    [
      'services up dev: 2 changes',
      '  + build:api  build api: node build.js — its files changed',
      '  ~ start:api  restart api on 8003 — its files changed',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('up runs the current release once there is one; --working-tree says otherwise', () => {
  const snapshot = revised(deployed(up()), 'v2', { api: 'a2', worker: 'w1' })
  assert.is(
    renderPlan(planServicesUp(desired(), snapshot, { workingTree: false })),
    ['services up dev: nothing to do', '  note: runs release 1 (c0ffee00c0ff)'].join('\n'),
  )
  assert.is(
    renderPlan(planServicesUp(desired(), snapshot, { names: ['api'], workingTree: true })),
    [
      'services up dev: 2 changes',
      '  + build:api  build api: node build.js — its files changed',
      '  ~ start:api  restart api on 8003 — its files changed',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('up of a release leaves the database to the password that the release knows', () => {
  const snapshot = deployed(up())
  delete snapshot.services.api
  const wanted = desired()
  if (wanted.database) wanted.database.password = { secret: 'PASSWORD', digest: 'd2' }
  // Seen with today's password, which nobody has deployed yet.
  if (snapshot.database) snapshot.database.ready = false
  const plan = planServicesUp(wanted, snapshot, { workingTree: false })
  assert.equal(
    plan.ops.map((op) => op.id),
    ['start:api', 'gate:api'],
  )
})

test('a service in error is started again with its reason as the cause', () => {
  const snapshot = up()
  const api = snapshot.services.api
  if (api) Object.assign(api, { status: 'error', reason: 'exited with status 1, 3 times in 10s' })
  assert.match(
    renderPlan(planServicesUp(desired(), snapshot, { workingTree: false })),
    'start api on 8003 — not running: exited with status 1, 3 times in 10s',
  )
})

test('down goes the other way round', () => {
  assert.is(
    renderPlan(planServicesDown(desired(), up(), {})),
    [
      'services down dev: 3 changes',
      '  - stop:worker    stop worker — asked for',
      '  - stop:api       stop api — asked for [at once]',
      '  - stop:postgres  stop postgres — asked for [after stop:api, stop:worker]',
    ].join('\n'),
  )
})

test('down of a service says who keeps running without it', () => {
  const plan = planServicesDown(desired(), up(), { names: ['postgres'] })
  assert.is(
    renderPlan(plan),
    ['services down dev: 1 change', '  - stop:postgres  stop postgres — asked for'].join('\n'),
  )
  assert.equal(
    plan.findings.map((finding) => finding.message),
    ['worker needs postgres and keeps running', 'api needs postgres and keeps running'],
  )
})

test('restart stops and starts exactly what it names', () => {
  assert.is(
    renderPlan(planServicesRestart(desired(), up(), { names: ['api'], workingTree: false })),
    [
      'services restart dev: 2 changes',
      '  - stop:api   stop api — asked for',
      '  + start:api  start api on 8003 — asked for',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('restart builds first, then stops, then starts', () => {
  const plan = planServicesRestart(desired(), revised(up(), 'v2', { api: 'a2', worker: 'w1' }), {
    names: ['api'],
    workingTree: false,
  })
  assert.equal(
    plan.ops.map(({ id, after }) => [id, after]),
    [
      ['build:api', []],
      ['stop:api', ['build:api']],
      ['start:api', ['stop:api']],
      ['gate:api', ['start:api']],
    ],
  )
})

test('the environment’s own embedded database is restarted', () => {
  const plan = planServicesRestart(desired(), up(), { names: ['postgres'], workingTree: false })
  assert.equal(
    plan.findings.filter(({ severity }) => severity === 'error'),
    [],
  )
  assert.equal(
    plan.ops.slice(0, 3).map(({ id }) => id),
    ['stop:postgres', 'start:postgres', 'gate:postgres'],
  )
})

test('an embedded database that is not the environment’s is an error before anything starts', () => {
  const services = [...desired().services, service('other', [], 'engine')]
  const plan = planServicesUp(desired({ services }), empty(), { workingTree: false })
  assert.equal(
    plan.findings.flatMap(({ rule, severity, message }) => (severity === 'error' ? [`${rule}: ${message}`] : [])),
    ['engine-without-database: other is an embedded database, and not the one of this environment'],
  )
})

test.run()

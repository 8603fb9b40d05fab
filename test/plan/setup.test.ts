import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isEmpty } from '../../lib/model/plan.ts'
import { renderPlan } from '../../lib/plan/render.ts'
import { planSetup } from '../../lib/plan/setup.ts'
import { deployed, desired, empty, service, up } from './world.ts'

test('from nothing to a running stack, in dependency order', () => {
  const writeEnv = {
    path: '/shop/.env.dev',
    example: 'config/environments/.env.dev.example',
    create: true,
    add: ['PASSWORD', 'LOG_LEVEL'],
    generate: ['PASSWORD'],
  }
  const plan = planSetup(desired(), empty(), { writeEnv })
  assert.is(
    renderPlan(plan),
    [
      'setup dev: 10 changes',
      '  + env               write .env.dev: PASSWORD, LOG_LEVEL (generated: PASSWORD) — it does not exist',
      '  + build:api         build api: node build.js — not built yet',
      '  + build:worker      build worker: node build.js — not built yet [after env]',
      '  + create:postgres   create the data of postgres (postgres 17) — no data yet [after env]',
      '  + start:postgres    start postgres on 5432 — not running',
      '  · gate:postgres     gate postgres: 2 passes in a row of being alive, within 60s',
      '  + ensure:postgres   ensure database stats and role stats on postgres — the data are new',
      '  + migrate:postgres  migrate postgres: 001 change-001, 002 change-002 — 2 pending',
      '  + seed:postgres     seed postgres: hits — 1 new or changed',
      '  + start:api         start api on 8003 — not running [after build:api, seed:postgres]',
      '  · gate:api          gate api: 2 passes in a row of being alive, within 60s',
      '  + start:worker      start worker on 8006 — not running [after build:worker, seed:postgres]',
      '  · gate:worker       gate worker: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('the second run has nothing to do', () => {
  const plan = planSetup(desired(), up(), {})
  assert.ok(isEmpty(plan))
  assert.is(renderPlan(plan), 'setup dev: nothing to do\n  note: runs the working tree')
})

test('a database that is stopped is asked for its ledger once it runs', () => {
  const snapshot = up()
  delete snapshot.services.postgres
  snapshot.database = { created: true, reachable: false }
  assert.is(
    renderPlan(planSetup(desired(), snapshot, {})),
    [
      'setup dev: 4 changes',
      '  + start:postgres    start postgres on 5432 — not running',
      '  · gate:postgres     gate postgres: 2 passes in a row of being alive, within 60s',
      '  + ensure:postgres   ensure database stats and role stats on postgres — not known until it runs',
      '  + migrate:postgres  migrate postgres: pending ones of 2 (known after postgres is ready) — the ledger is not readable yet',
      '  + seed:postgres     seed postgres: pending ones of 1 (known after postgres is ready) — not known until it runs',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('what was killed between start and gate is started again only where it does not run', () => {
  const snapshot = up()
  delete snapshot.services.worker
  assert.is(
    renderPlan(planSetup(desired(), snapshot, {})),
    [
      'setup dev: 1 change',
      '  + start:worker  start worker on 8006 — not running',
      '  · gate:worker   gate worker: 2 passes in a row of being alive, within 60s',
      '  note: runs the working tree',
    ].join('\n'),
  )
})

test('with a release, setup runs the release and leaves its schema alone', () => {
  const snapshot = deployed(up())
  delete snapshot.services.api
  assert.is(
    renderPlan(planSetup(desired(), snapshot, {})),
    [
      'setup dev: 1 change',
      '  + start:api  start api (release 1) on 8003 — not running',
      '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
      '  note: runs release 1 (c0ffee00c0ff)',
    ].join('\n'),
  )
})

test('with a release, setup says in what the working tree differs from it', () => {
  const wanted = desired()
  const [postgres, , api, worker] = wanted.services
  if (!postgres || !api || !worker) throw new Error('the world has other services')
  const changed = { ...api, fingerprint: { ...api.fingerprint, 'environment.LOG_LEVEL': 'debug' } }
  const plan = planSetup(
    { ...wanted, services: [postgres, changed, service('web', ['api'], 'files')] },
    deployed(up()),
    {},
  )
  assert.equal(plan.ops, [])
  assert.equal(plan.notes, [
    'runs release 1 (c0ffee00c0ff)',
    'the working tree differs from release 1: new web; changed api; removed redis, worker — task deploy dev',
  ])
})

test('an optional service that is not available is said, and stops nobody', () => {
  const plan = planSetup(desired(), empty(), {})
  assert.equal(
    plan.findings.map(({ rule, severity, service }) => ({ rule, severity, service })),
    [{ rule: 'service-unavailable', severity: 'warning', service: 'redis' }],
  )
})

test.run()

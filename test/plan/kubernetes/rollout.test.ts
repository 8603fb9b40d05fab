import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Desired, DesiredService } from '../../../lib/model/desired.ts'
import { isEmpty } from '../../../lib/model/plan.ts'
import type { Release } from '../../../lib/model/release.ts'
import type { RolloutStrategy } from '../../../lib/model/rollout.ts'
import type { ManifestShape, ObservedService, Snapshot } from '../../../lib/model/snapshot.ts'
import { planDeploy } from '../../../lib/plan/deploy.ts'
import { renderPlan } from '../../../lib/plan/render.ts'
import { planRollback } from '../../../lib/plan/rollback.ts'
import { desired, empty, running, service } from '../world.ts'

const options = { allowDirty: false, run: 'run-1', by: 'ann', at: '2026-01-02T03:04:05.000Z' }

/** A service of a cluster. */
function onCluster(name: string, needs: string[], strategy?: RolloutStrategy): DesiredService {
  const { build: _, ...given } = service(name, needs, 'files')
  const { command: __, ...spec } = given.spec as NonNullable<DesiredService['spec']>
  const kubernetes = { namespace: 'shop', manifests: [`k8s/${name}`], ...(strategy && { strategy }) }
  return { ...given, spec: { ...spec, ports: {}, kubernetes } }
}

const cluster = (services: DesiredService[]): Desired => {
  const { database: _, ...rest } = desired({ services })
  return { ...rest, platform: 'kubernetes', environment: 'production', configuredAs: 'production' }
}

/** Nothing is there, with what the manifests are. */
const before = (artefacts: Record<string, string>, shapes: Record<string, ManifestShape> = {}): Snapshot => {
  const { database: _, ...rest } = empty()
  return { ...rest, source: { revision: 'HEAD', commit: 'c0ffee00c0ffee00', dirty: [], artefacts, shapes } }
}

const lines = (text: string) => text.split('\n').filter((line) => !/^ {2}(note|\+ export)/.test(line))

/** After a deploy that became healthy: every service in the Deployment that its plan gave it. */
function after(snapshot: Snapshot, wanted: Desired): Snapshot {
  const plan = planDeploy(wanted, snapshot, options)
  const release = { ...(plan.release as Release), outcome: 'healthy' as const }
  const services: Record<string, ObservedService> = { ...snapshot.services }
  for (const op of plan.ops) {
    if (op.kind !== 'start-service') continue
    const { service: name, fingerprint, lane } = op.data
    const kept = plan.ops.some((one) => one.kind === 'switch-traffic' && one.data.keep)
    const old = snapshot.services[name]?.colours?.live
    services[name] = {
      ...running(name, fingerprint, release.number),
      ...(lane && {
        colours: {
          live: { colour: lane.colour, release: release.number, fingerprint },
          ...(kept && old && { beside: { ...old, kept: true as const } }),
        },
      }),
    }
  }
  return { ...snapshot, services, releases: [...snapshot.releases, release], current: release.number }
}

const revised = (snapshot: Snapshot, artefacts: Record<string, string>): Snapshot => ({
  ...snapshot,
  source: { ...snapshot.source, revision: 'v2', commit: 'v200000000', dirty: [], artefacts },
})

test('what leads requests from outside is applied after all gates, also where another service is last', () => {
  const wanted = cluster([onCluster('web', []), onCluster('api', ['web'])])
  const plan = planDeploy(wanted, before({ web: 'w1', api: 'a1' }, { web: { routes: true } }), options)
  assert.equal(lines(renderPlan(plan)), [
    'deploy production: 4 changes',
    '  + start:web   start web (release 1) — not running',
    '  · gate:web    gate web: 2 passes in a row of being alive, within 60s',
    '  + start:api   start api (release 1) — not running [after export, gate:web]',
    '  · gate:api    gate api: 2 passes in a row of being alive, within 60s',
    '  + routes:web  lead requests from outside to web — all gates have passed',
  ])
  const way = planRollback(
    { ...after(before({ web: 'w1', api: 'a1' }, { web: { routes: true } }), wanted), services: {} },
    { environment: 'production', to: 1 },
  )
  assert.is(way.ops.at(-1)?.id, 'routes:web', 'the record says it: no manifests are needed')
})

test('blue and green take turns; a rollback switches back to what still is there', () => {
  const wanted = cluster([onCluster('api', [], { type: 'blue-green', keep: true })])
  const first = planDeploy(wanted, before({ api: 'a1' }), options)
  assert.equal(lines(renderPlan(first)).slice(1), [
    '  + start:api  start api (release 1) as blue — not running',
    '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
  ])
  const one = after(before({ api: 'a1' }), wanted)
  assert.ok(isEmpty(planDeploy(wanted, one, options)), 'no change: no ops')
  const second = planDeploy(wanted, revised(one, { api: 'a2' }), options)
  assert.equal(lines(renderPlan(second)).slice(1), [
    '  ~ start:api   start api (release 2) as green beside blue — its files changed',
    '  · gate:api    gate api: 2 passes in a row of being alive, within 60s',
    '  ~ switch:api  send requests for api to green; blue stays for a rollback — its gate has passed',
  ])
  const two = after(revised(one, { api: 'a2' }), wanted)
  assert.ok(isEmpty(planDeploy(wanted, two, options)), 'what is kept is no difference')
  const back = planRollback(two, { environment: 'production' })
  assert.equal(lines(renderPlan(back)).slice(1), [
    '  ~ start:api   start api (release 1) as blue beside green, where it still is — its files changed',
    '  · gate:api    gate api: 2 passes in a row of being alive, within 60s',
    '  ~ switch:api  send requests for api to blue; green stays for a rollback — its gate has passed',
  ])
})

test('a service that was rolled becomes blue, and becomes plain again when the strategy goes', () => {
  const rolled = cluster([onCluster('api', [])])
  const coloured = cluster([onCluster('api', [], { type: 'blue-green', keep: true })])
  const one = after(before({ api: 'a1' }), rolled)
  assert.equal(
    planDeploy(coloured, one, options).ops.map(({ id }) => id),
    ['export', 'start:api', 'gate:api', 'switch:api', 'drop:api'],
  )
  const two = after(one, coloured)
  const plain = planDeploy(rolled, two, options)
  assert.match(renderPlan(plain), /start api \(release 3\) beside blue/)
  assert.match(renderPlan(plain), /- drop:api +remove blue of api — it was replaced/)
})

test('a canary goes by steps with gates; a failing one restores what was there and removes it; a rollback takes one step', () => {
  const wanted = cluster([onCluster('api', [], { type: 'canary', steps: [10, 50, 100] })])
  const one = after(before({ api: 'a1' }), wanted)
  const two = revised(one, { api: 'a2' })
  assert.equal(lines(renderPlan(planDeploy(wanted, two, options))).slice(1), [
    '  ~ start:api      start api (release 2) as green beside blue with 10 % of its pods — its files changed',
    '  · gate:api:10    gate api: 2 passes in a row of being alive, within 60s',
    '  ~ shift:api:50   raise green of api to 50 % of its pods; blue keeps 90 % — its gate has passed at 10 %',
    '  · gate:api:50    gate api: 2 passes in a row of being alive, within 60s',
    '  ~ shift:api:100  raise green of api to 100 % of its pods; blue keeps 50 % — its gate has passed at 50 %',
    '  · gate:api:100   gate api: 2 passes in a row of being alive, within 60s',
    '  - drop:api       remove blue of api — it was replaced',
  ])
  // The step of 50 % failed: of the new release nothing is finished.
  const failing = structuredClone(two)
  const api = failing.services.api as ObservedService
  const { fingerprint: _, ...rest } = api
  failing.services.api = {
    ...rest,
    status: 'error',
    reason: 'CrashLoopBackOff',
    release: 2,
    colours: {
      live: (api.colours as NonNullable<ObservedService['colours']>).live,
      beside: { colour: 'green', release: 2 },
    },
  }
  assert.equal(lines(renderPlan(planRollback(failing, { environment: 'production', from: 2 }))).slice(1), [
    '  + start:api  restore api (release 1) as blue — not running: CrashLoopBackOff',
    '  · gate:api   gate api: 2 passes in a row of being alive, within 60s',
    '  - drop:api   remove green of api — it was not finished',
  ])
  const back = planRollback(after(two, wanted), { environment: 'production' })
  assert.equal(
    back.ops.map(({ id }) => id),
    ['start:api', 'gate:api', 'drop:api'],
  )
})

test('a strategy that the manifests do not allow is refused before anything changes', () => {
  const wanted = cluster([onCluster('api', [], { type: 'canary', steps: [100] })])
  const refusal = { message: 'api cannot change by canary: it has 1 pod', mend: 'give it 2 replicas or more' }
  const plan = planDeploy(wanted, before({ api: 'a1' }, { api: { refusal } }), options)
  assert.equal(plan.findings, [{ rule: 'strategy-refused', severity: 'error', service: 'api', ...refusal }])
})

test('a claim that is new gets the first storage class that there is, with the reason; one that is there keeps its own', () => {
  const wanted = cluster([onCluster('store', [])])
  const storage = (there: boolean, chosen: string) => ({
    chosen,
    why: `${chosen}, the first of fast, standard that the cluster has`,
    findings: [{ rule: 'storage-class-fallback', severity: 'warning' as const, message: 'fast is not there' }],
    claims: { store: [{ key: 'StatefulSet/store/data', there }] },
  })
  const nothing = before({ store: 's1' })
  const fresh = { ...nothing, source: { ...nothing.source, storage: storage(false, 'standard') } } as Snapshot
  const first = planDeploy(wanted, fresh, options)
  assert.match(
    renderPlan(first),
    'note: storage class of StatefulSet/store/data of store: standard, the first of fast, standard that the cluster has',
  )
  assert.equal(
    first.findings.map(({ rule }) => rule),
    ['storage-class-fallback'],
  )
  const one = after(fresh, wanted)
  const there = { ...one, source: { ...one.source, storage: storage(true, 'fast') } } as Snapshot
  assert.ok(isEmpty(planDeploy(wanted, there, options)), 'another choice is none for it')
  const changed = revised(there, { store: 's2' })
  const again = planDeploy(
    wanted,
    { ...changed, source: { ...changed.source, storage: storage(true, 'fast') } } as Snapshot,
    options,
  )
  const start = again.ops.find((op) => op.kind === 'start-service')
  assert.equal(start?.kind === 'start-service' && start.data.spec.kubernetes?.storage, {
    'StatefulSet/store/data': 'standard',
  })
  assert.not.match(renderPlan(again), 'storage class')
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LeftContainer, Leftovers } from '../../lib/model/leftovers.ts'
import type { Release } from '../../lib/model/release.ts'
import { type CleanupOptions, planCleanup } from '../../lib/plan/cleanup.ts'
import { renderPlan } from '../../lib/plan/render.ts'

const container = (id: string, change: Partial<LeftContainer> = {}): LeftContainer => ({
  id,
  name: `shop-staging-${id}-1`,
  service: id,
  state: 'running',
  kept: false,
  networks: [],
  volumes: [],
  ...change,
})
const nothing: Leftovers = { containers: [], networks: [], volumes: [], images: [] }
const options: CleanupOptions = {
  environment: 'staging',
  services: ['api', 'db'],
  releases: [],
  current: undefined,
  volumes: false,
}
const release = (number: number, change: Partial<Release> = {}) =>
  ({ number, outcome: 'healthy', services: [], ...change }) as unknown as Release
const text = (left: Partial<Leftovers>, change: Partial<CleanupOptions> = {}) =>
  renderPlan(planCleanup({ ...nothing, ...left }, { ...options, ...change }))

test('what services of the environment run stays, also when it is stopped; nothing else of it is there: nothing to do', () => {
  const left = {
    containers: [container('api'), container('db', { state: 'exited' })],
    networks: [{ id: 'n1', name: 'shop-staging_backend', users: ['api'] }],
    volumes: [{ name: 'data', users: ['db'] }],
  }
  assert.is(text(left), 'cleanup staging: nothing to do')
})

test('containers that nobody needs go, then the networks that only they are on; volumes are named', () => {
  const left = {
    containers: [
      container('api'),
      container('old', { service: 'gone' }),
      container('kept', { service: 'api', kept: true, state: 'exited' }),
      container('litter', { service: 'api', state: 'created' }),
    ],
    networks: [
      { id: 'n1', name: 'shop-staging_backend', users: ['api', 'old'] },
      { id: 'n2', name: 'shop-staging-gone_default', users: ['old'] },
      { id: 'n3', name: 'shop-staging_free', users: [] },
      { id: 'n4', name: 'shop-staging_shared', users: ['old', 'a foreign one'] },
    ],
    volumes: [
      { name: 'shop-staging-gone_data', users: ['old'] },
      { name: 'shop-staging-api_data', users: ['api'] },
    ],
  }
  assert.is(
    text(left),
    [
      'cleanup staging: 5 changes',
      '  - remove:shop-staging-old-1          stop and remove the container shop-staging-old-1, with its anonymous volumes — staging has no service gone any more',
      '  - remove:shop-staging-kept-1         remove the container shop-staging-kept-1, with its anonymous volumes — it was replaced [at once]',
      '  - remove:shop-staging-litter-1       remove the container shop-staging-litter-1, with its anonymous volumes — it was never started [at once]',
      '  - network:shop-staging-gone_default  remove the network shop-staging-gone_default — nobody is on it [after remove:shop-staging-old-1]',
      '  - network:shop-staging_free          remove the network shop-staging_free — nobody is on it [at once]',
      '  note: volumes that no container uses stay: shop-staging-gone_data (--volumes removes them)',
    ].join('\n'),
  )
  const withVolumes = planCleanup({ ...nothing, ...left }, { ...options, volumes: true })
  const volumes = withVolumes.ops.filter(({ destructive }) => destructive)
  assert.equal(
    volumes.map(({ id, after }) => [id, after]),
    [['volume:shop-staging-gone_data', ['remove:shop-staging-old-1']]],
  )
})

test('a deploy that has not ended keeps what it would come back with, which is said', () => {
  const left = { containers: [container('api', { kept: true, state: 'exited' })] }
  const plan = planCleanup({ ...nothing, ...left }, { ...options, releases: [release(1, { outcome: 'pending' })] })
  assert.equal(plan.ops, [])
  assert.equal(
    plan.findings.map(({ rule }) => rule),
    ['deploy-unfinished'],
  )
})

test('services of the current release count too; images that a kept release has stay', () => {
  const image = (identity: string) => ({ reference: 'shop/api:1', identity })
  const spec = { docker: { images: { api: image('sha256:keep') } } }
  const releases = [release(1), release(2, { services: [{ service: 'worker', spec }] } as unknown as Partial<Release>)]
  const left = {
    containers: [container('worker')],
    images: [image('sha256:keep'), image('sha256:0123456789abcdef')],
  }
  const plan = planCleanup({ ...nothing, ...left }, { ...options, releases, current: 2 })
  assert.equal(
    plan.ops.map(({ id, cause }) => [id, cause]),
    [['image:shop/api:1@0123456789ab', 'no kept release has it']],
  )
  assert.match(text({ imagesUnknown: 'the records of another cannot be read' }), /note: images stay: the records/)
})

test('of a cluster, values of releases that are gone go; claims stay unless they are asked for', () => {
  const objects = [
    { kind: 'ConfigMap', namespace: 'shop', name: 'api-env-1' },
    { kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' },
  ]
  const some = planCleanup({ ...nothing, objects }, options)
  assert.equal(
    some.ops.map(({ id, destructive = false }) => [id, destructive]),
    [['object:ConfigMap:shop:api-env-1', false]],
  )
  assert.match(some.notes.join(), 'shop/data')
  const all = planCleanup({ ...nothing, objects }, { ...options, volumes: true })
  assert.equal(
    all.ops.map(({ id, destructive = false }) => [id, destructive]),
    [
      ['object:ConfigMap:shop:api-env-1', false],
      ['object:PersistentVolumeClaim:shop:data', true],
    ],
  )
})

test('what holds data on a cluster goes only where data are asked for', () => {
  const objects = [
    { kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'old' },
    { kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data-db-0', data: true as const },
    { kind: 'Namespace', namespace: 'past', name: 'past', data: true as const },
  ]
  const with_ = (more: { volumes?: boolean; pruneData?: boolean }) =>
    planCleanup({ ...nothing, objects }, { ...options, ...more })
  assert.equal(with_({}).ops, [])
  assert.match(with_({}).notes.join(), 'stays: shop/data-db-0, namespace past (--prune-data removes it)')
  assert.equal(
    with_({ volumes: true }).ops.map(({ id }) => id),
    ['object:PersistentVolumeClaim:shop:old'],
  )
  assert.equal(
    renderPlan(with_({ pruneData: true }))
      .split('\n')
      .slice(1),
    [
      '  ! object:PersistentVolumeClaim:shop:old        remove PersistentVolumeClaim shop/old with all its data — no kept release has it, and no pod mounts it',
      '  ! object:PersistentVolumeClaim:shop:data-db-0  remove PersistentVolumeClaim shop/data-db-0 with all its data — its StatefulSet is gone [at once]',
      '  ! object:Namespace:past:past                   remove Namespace past with everything in it — no kept release uses it, and no pod runs in it [at once]',
    ],
  )
})

test.run()

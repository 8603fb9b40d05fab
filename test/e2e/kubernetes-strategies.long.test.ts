import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit } from '../support/index.ts'
import { type KubernetesWorld, makeKubernetesWorld } from './kubernetes-world.ts'

timeLimit(900_000)
const on = suite<{ world: KubernetesWorld }>('blue and green, and a canary')
on.before(async (context) => {
  context.world = await makeKubernetesWorld({ keep: 3 })
})
on.after(({ world }) => world.end())

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`

const ingress = `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: api }
spec:
  rules:
    - host: shop.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: api, port: { number: 80 } } } }] }
`

/** The Deployments of the api with their numbers of pods, in order. */
async function deployments(world: KubernetesWorld): Promise<Record<string, number>> {
  const { items } = JSON.parse(await world.kubectl('get', 'deployments', '-o', 'json'))
  return Object.fromEntries(
    items
      .map(({ metadata, spec }: { metadata: { name: string }; spec: { replicas: number } }) => [
        metadata.name,
        spec.replicas,
      ])
      .sort(),
  )
}
const selected = async (world: KubernetesWorld) =>
  JSON.parse(await world.kubectl('get', 'service', 'api', '-o', 'jsonpath={.spec.selector}'))
const podsOf = async (world: KubernetesWorld, colour: string) => {
  const text = await world.kubectl('get', 'pods', '-l', `vital-ops.dev/colour=${colour}`, '-o', 'name')
  return text
    .split('\n')
    .filter((name) => name !== '')
    .sort()
}
const deploy = (world: KubernetesWorld, env: Record<string, string> = {}) =>
  world.task(['deploy', 'production', '--yes', '--allow-dirty'], { env })

async function strategy(world: KubernetesWorld, text: string): Promise<void> {
  const path = 'config/services/api.yaml'
  const before = (await world.read(path)).replace(/^ {2}strategy: .*\n/m, '')
  await world.write(
    path,
    before.replace('  settle: 1s\n', `  settle: 1s\n${text === '' ? '' : `  strategy: ${text}\n`}`),
  )
}

async function hasNothingToDo(world: KubernetesWorld): Promise<void> {
  const again = await world.task(['deploy', 'production', '--dry-run', '--allow-dirty'])
  assert.match(said(again), /nothing to do/)
}

on('a rolled service becomes blue; what leads requests from outside comes after all gates', async ({ world }) => {
  await world.commit('v1', 'good', ingress)
  const rolled = await deploy(world)
  assert.is(rolled.status, 0, said(rolled))
  const order = said(rolled)
  assert.ok(order.lastIndexOf('gate:store') < order.lastIndexOf('routes:api'), order)
  await world.kubectl('get', 'ingress', 'api')
  await strategy(world, '{ type: blue-green }')
  const blue = await deploy(world)
  assert.is(blue.status, 0, said(blue))
  assert.equal(await deployments(world), { 'api-blue': 2 })
  assert.equal(await selected(world), { app: 'api', 'vital-ops.dev/colour': 'blue' })
  await hasNothingToDo(world)
})

on(
  'green comes beside blue, gets the requests, and a rollback switches back to pods that never went',
  async ({ world }) => {
    const before = await podsOf(world, 'blue')
    assert.is(before.length, 2)
    await world.commit('v2', 'good', ingress)
    const green = await deploy(world)
    assert.is(green.status, 0, said(green))
    assert.equal(await deployments(world), { 'api-blue': 2, 'api-green': 2 })
    assert.is((await selected(world))['vital-ops.dev/colour'], 'green')
    await hasNothingToDo(world)
    const back = await world.task(['rollback', 'production', '--yes'])
    assert.is(back.status, 0, said(back))
    assert.is((await selected(world))['vital-ops.dev/colour'], 'blue')
    assert.equal(await podsOf(world, 'blue'), before, 'the pods of blue are those from before')
  },
)

on('what does not become ready gets no requests, and is removed', async ({ world }) => {
  const before = await podsOf(world, 'blue')
  await world.commit('v2', 'missing-image', ingress)
  const bad = await deploy(world)
  assert.is(bad.status, 6, said(bad))
  assert.is((await selected(world))['vital-ops.dev/colour'], 'blue')
  assert.equal(await deployments(world), { 'api-blue': 2 })
  assert.equal(await podsOf(world, 'blue'), before)
})

on('killed around the switch, the next deploy makes it good', async ({ world }) => {
  await world.commit('v2', 'good', ingress)
  const points = ['switch:api:before', 'switch:api:effect', 'switch:api:after']
  for (const point of points) {
    const killed = await world.start(['deploy', 'production', '--yes', '--allow-dirty'], { env: { OPS_FAULT: point } })
      .ended
    assert.is.not(killed.status, 0, `${point}: ${said(killed)}`)
    const next = await deploy(world)
    assert.is(next.status, 0, `after ${point}: ${said(next)}`)
    const { 'vital-ops.dev/colour': colour = '' } = await selected(world)
    assert.is((await deployments(world))[`api-${colour}`], 2, point)
    assert.is((await podsOf(world, colour)).length, 2, point)
    await world.commit(point === points[0] ? 'v1' : 'v2', 'good', ingress)
  }
  note(`${points.length} kills recovered`)
})

on('a canary goes by steps with gates, and nothing of the old is left', async ({ world }) => {
  await strategy(world, '{ type: canary, steps: [50, 100] }')
  await world.commit('v1', 'good', ingress)
  const plan = await world.task(['deploy', 'production', '--dry-run', '--allow-dirty'])
  assert.match(said(plan), /with 50 % of its pods/)
  const done = await deploy(world)
  assert.is(done.status, 0, said(done))
  const left = await deployments(world)
  assert.equal(Object.values(left), [2])
  assert.equal(await selected(world), { app: 'api' })
  await hasNothingToDo(world)
})

on('a canary that fails is removed, and what was there is whole again', async ({ world }) => {
  const before = await deployments(world)
  await world.commit('v2', 'missing-image', ingress)
  const bad = await deploy(world)
  assert.is(bad.status, 6, said(bad))
  assert.equal(await deployments(world), before)
  await world.commit('v2', 'good', ingress)
  const killed = await world.start(['deploy', 'production', '--yes', '--allow-dirty'], {
    env: { OPS_FAULT: 'shift:api:100:effect' },
  }).ended
  assert.is.not(killed.status, 0, said(killed))
  const next = await deploy(world)
  assert.is(next.status, 0, said(next))
  assert.equal(Object.values(await deployments(world)), [2])
})

on('what its manifests do not allow is refused with the reason, and nothing is changed', async ({ world }) => {
  const before = await deployments(world)
  const path = 'config/services/store.yaml'
  await world.write(
    path,
    (await world.read(path)).replace('  settle: 1s\n', '  settle: 1s\n  strategy: { type: canary }\n'),
  )
  const refused = await deploy(world)
  assert.is(refused.status, 3, said(refused))
  assert.match(said(refused), /store cannot change by canary: its StatefulSet store cannot be there twice/)
  assert.equal(await deployments(world), before)
})

on.run()

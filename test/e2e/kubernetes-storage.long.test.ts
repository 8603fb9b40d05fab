import { rm } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { type KubernetesWorld, makeKubernetesWorld } from './kubernetes-world.ts'

timeLimit(900_000)
const on = suite<{ world: KubernetesWorld }>('storage on a cluster')
on.before(async (context) => {
  context.world = await makeKubernetesWorld({ keep: 1, cluster: ', storageClass: [vital-ops-no-such-class, default]' })
})
on.after(({ world }) => world.end())

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`
const deploy = (world: KubernetesWorld) => world.task(['deploy', 'production', '--yes', '--allow-dirty'])
const claims = async (world: KubernetesWorld) => {
  const { items } = JSON.parse(await world.kubectl('get', 'persistentvolumeclaims', '-o', 'json'))
  return items as { metadata: { name: string }; spec: { storageClassName?: string } }[]
}

on('claims get the first class of the list that is there, and the plan says which and why', async ({ world }) => {
  const path = 'k8s/store/store.yaml'
  const template =
    '{ metadata: { name: data }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 16Mi } } } }'
  await world.write(
    path,
    (await world.read(path)).replace(
      '  serviceName: store\n',
      `  serviceName: store\n  volumeClaimTemplates: [${template}]\n`,
    ),
  )
  const dry = await world.task(['deploy', 'production', '--dry-run', '--allow-dirty'])
  assert.match(
    said(dry),
    /storage class of StatefulSet\/store\/data of store: .*first of vital-ops-no-such-class, default/,
  )
  assert.match(said(dry), /"vital-ops-no-such-class" is not there/)
  const done = await deploy(world)
  assert.is(done.status, 0, said(done))
  const [claim] = await claims(world)
  assert.is(claim?.metadata.name, 'data-store-0')
  assert.ok(claim?.spec.storageClassName)
})

on('a claim that is there keeps its class, whatever the list says later', async ({ world }) => {
  const path = 'config/environments/production.yaml'
  await world.write(
    path,
    (await world.read(path)).replace('vital-ops-no-such-class, default', 'vital-ops-no-such-class'),
  )
  const again = await world.task(['deploy', 'production', '--dry-run', '--allow-dirty'])
  assert.is(again.status, 0, said(again))
  assert.match(said(again), /nothing to do/)
})

on('data of a service that is gone stay, until they are asked for by name', async ({ world }) => {
  await world.git('rm', '-q', '-r', '-f', '--cached', 'config/services/store.yaml', 'k8s/store')
  await rm(`${world.folder}/config/services/store.yaml`)
  await rm(`${world.folder}/k8s/store`, { recursive: true })
  const path = 'config/services/api.yaml'
  await world.write(path, (await world.read(path)).replace('dependencies: [store]', 'dependencies: []'))
  for (const version of ['v2', 'v1', 'v2'] as const) {
    await world.commit(version)
    const done = await deploy(world)
    assert.is(done.status, 0, said(done))
  }
  assert.is(await world.kubectl('get', 'statefulset', 'store', '--ignore-not-found'), '')
  assert.is((await claims(world)).length, 1, 'a deploy removes no claim')
  const volumes = await world.task(['cleanup', 'production', '--volumes', '--confirm=production'])
  assert.is(volumes.status, 0, said(volumes))
  assert.match(said(volumes), /stays: [^\n]*data-store-0/)
  assert.is((await claims(world)).length, 1)
  const unnamed = await world.task(['cleanup', 'production', '--prune-data', '--yes'])
  assert.is(unnamed.status, 3, said(unnamed))
  const all = await world.task(['cleanup', 'production', '--prune-data', '--confirm=production'])
  assert.is(all.status, 0, said(all))
  assert.equal(await claims(world), [])
})

on.run()

import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { type KubernetesWorld, makeKubernetesWorld } from './kubernetes-world.ts'

timeLimit(900_000)
const on = suite<{ world: KubernetesWorld }>('what releases leave on a cluster')
on.before(async (context) => {
  context.world = await makeKubernetesWorld({ keep: 1 })
})
on.after(({ world }) => world.end())

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`

/** The names of objects of a kind that begin so. */
async function names(world: KubernetesWorld, kind: string, prefix: string): Promise<string[]> {
  const all = await world.kubectl('get', kind, '-o', 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}')
  return all.split('\n').filter((name) => name.startsWith(prefix))
}

async function deployWith(world: KubernetesWorld, nth: number): Promise<void> {
  await world.write('.env.production', `TOKEN=geheimnis-nummer-${nth}\nGREETING=hello ${nth}\n`)
  await chmod(join(world.folder, '.env.production'), 0o600)
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
}

on('goes with the releases: ConfigMaps and Secrets of none but those that are kept', async ({ world }) => {
  for (const nth of [1, 2, 3, 4]) await deployWith(world, nth)
  const { result } = await world.json<{ result: { releases: { number: number }[] } }>(['releases', 'production'])
  const kept = result.releases.length
  assert.ok(kept < 4, `${kept} of 4 releases are kept`)
  for (const [kind, prefix] of [
    ['configmap', 'api-env-'],
    ['configmap', 'store-env-'],
    ['secret', 'api-secrets-'],
  ] as const) {
    const left = await names(world, kind, prefix)
    assert.is(left.length, kept, `${kind} ${left.join(', ')} of ${kept} releases`)
  }
})

on('leaves what a rollback needs, also without its values here', async ({ world }) => {
  const back = await world.task(['rollback', 'production', '--yes'])
  assert.is(back.status, 0, said(back))
  const deployment = JSON.parse(await world.kubectl('get', 'deployment', 'api', '-o', 'json'))
  const [configMap, secret] = deployment.spec.template.spec.containers[0].envFrom
  const hidden = JSON.parse(await world.kubectl('get', 'secret', secret.secretRef.name, '-o', 'json'))
  assert.is(Buffer.from(hidden.data.TOKEN, 'base64').toString(), 'geheimnis-nummer-3')
  const plain = JSON.parse(await world.kubectl('get', 'configmap', configMap.configMapRef.name, '-o', 'json'))
  assert.is(plain.data.GREETING, 'hello 3')
})

on('is removed by cleanup where no release has it; claims only where they are asked for by name', async ({ world }) => {
  const { metadata } = JSON.parse(await world.kubectl('get', 'deployment', 'api', '-o', 'json'))
  const labels = Object.fromEntries(
    Object.entries(metadata.labels).filter(([name]) => name.startsWith('vital-ops.dev/')),
  )
  const stale = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'api-env-0123456789', labels }, data: {} }
  const foreign = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'api-env-9876543210' }, data: {} }
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } }
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'old-data', labels }, spec }
  await world.write(
    '.ops/leftovers.json',
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [stale, foreign, claim] }),
  )
  await world.kubectl('create', '--validate=ignore', '-f', join(world.folder, '.ops/leftovers.json'))
  const before = await names(world, 'secret', 'api-secrets-')
  const dry = await world.task(['cleanup', 'production', '--dry-run'])
  assert.is(dry.status, 0, said(dry))
  assert.match(said(dry), `remove ConfigMap ${world.namespace}/api-env-0123456789`)
  assert.match(said(dry), /claims that no kept release has stay: [^\n]*old-data/)
  const done = await world.task(['cleanup', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
  const left = await names(world, 'configmap', 'api-env-')
  assert.not.ok(left.includes('api-env-0123456789'), left.join(', '))
  assert.ok(left.includes('api-env-9876543210'), 'what is not ours stays')
  assert.equal(await names(world, 'secret', 'api-secrets-'), before)
  assert.equal(await names(world, 'persistentvolumeclaim', 'old-data'), ['old-data'])
  const unnamed = await world.task(['cleanup', 'production', '--volumes', '--yes'])
  assert.is(unnamed.status, 3, said(unnamed))
  const all = await world.task(['cleanup', 'production', '--volumes', '--confirm=production'])
  assert.is(all.status, 0, said(all))
  assert.equal(await names(world, 'persistentvolumeclaim', 'old-data'), [])
})

on.run()

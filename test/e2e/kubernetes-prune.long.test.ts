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

on.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { type KubernetesWorld, makeKubernetesWorld, runningImage } from './kubernetes-world.ts'

timeLimit(600_000)

const on = suite<{ world: KubernetesWorld }>('a cluster')
on.before(async (context) => {
  context.world = await makeKubernetesWorld()
})
on.after(async ({ world }) => world.end())

/** A real registry says what its tags stand for, and a deploy puts that behind them. */
const unpinned = (image: string) => image.replace(/@.*/, '')

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`

on('takes a first deploy: namespace, configuration, secrets, workloads, gates', async ({ world }) => {
  const dry = await world.task(['deploy', 'production', '--dry-run'])
  assert.is(dry.status, 0, said(dry))
  assert.match(said(dry), /start api \(release 1\)/)
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
  assert.not.match(said(done), /geheimnis/)
  const deployment = JSON.parse(await world.kubectl('get', 'deployment', 'api', '-o', 'json'))
  assert.is(deployment.status.readyReplicas, 2)
  assert.is(deployment.metadata.labels.team, 'shop')
  const [configMap, secret] = deployment.spec.template.spec.containers[0].envFrom
  const values = JSON.parse(await world.kubectl('get', 'configmap', configMap.configMapRef.name, '-o', 'json'))
  assert.equal(values.data, { RELEASE: '1', GREETING: 'hello' })
  const hidden = JSON.parse(await world.kubectl('get', 'secret', secret.secretRef.name, '-o', 'json'))
  assert.is(Buffer.from(hidden.data.TOKEN, 'base64').toString(), 'geheimnis-von-heute')
})

on('needs nothing when nothing has changed', async ({ world }) => {
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
  const { releases } = (
    await world.json<{ result: { releases: { number: number; outcome: string }[] } }>(['releases', 'production'])
  ).result
  assert.equal(
    releases.map(({ number, outcome }) => [number, outcome]),
    [[1, 'healthy']],
  )
})

on('needs nothing from another clone either: the key of digests is on the cluster', async ({ world }) => {
  const clone = await world.clone()
  const done = await clone.task(['deploy', 'production', '--yes', '--allow-dirty'])
  assert.is(done.status, 0, said(done))
  const { result } = await world.json<{ result: { releases: unknown[] } }>(['releases', 'production'])
  assert.is(result.releases.length, 1, said(done))
})

on('shows status, logs and health', async ({ world }) => {
  const status = await world.task(['services', 'status', '-e', 'production'])
  assert.is(status.status, 0, said(status))
  assert.match(status.stdout, /api\s+.*running/)
  const logs = await world.task(['services', 'logs', 'api', '-e', 'production'])
  assert.is(logs.status, 0, said(logs))
  const health = await world.task(['health-check', 'production'])
  assert.is(health.status, 0, said(health))
})

on('rolls an update, and one of values alone', async ({ world }) => {
  await world.commit('v2')
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
  const image = await runningImage(world)
  assert.is(unpinned(image), unpinned(world.images.v2))
  await world.write('.env.production', 'TOKEN=geheimnis-von-morgen\nGREETING=hello\n')
  const plan = await world.task(['deploy', 'production', '--dry-run'])
  assert.match(said(plan), /environment changed: TOKEN/)
  await world.write('.env.production', 'TOKEN=geheimnis-von-heute\nGREETING=hello\n')
})

on('says at once why a release cannot run, and goes back by itself', async ({ world }) => {
  await world.commit('v2', 'missing-image')
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 6, said(done))
  assert.match(said(done), /image cannot be pulled: not found|authentication required/)
  const deployment = JSON.parse(await world.kubectl('get', 'deployment', 'api', '-o', 'json'))
  assert.is(unpinned(deployment.spec.template.spec.containers[0].image), unpinned(world.images.v2))
})

on('rolls back to the last healthy release, with the working tree broken', async ({ world }) => {
  await world.write('config/services/api.yaml', 'name: [broken\n')
  const done = await world.task(['rollback', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
  const image = await runningImage(world)
  assert.is(unpinned(image), unpinned(world.images.v1))
  await world.git('checkout', '--', '.')
})

on('removes what an earlier release had and the new one lacks', async ({ world }) => {
  const extra = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: "1" }\n'
  await world.commit('v1', 'good', extra)
  const first = await world.task(['deploy', 'production', '--yes'])
  assert.is(first.status, 0, said(first))
  await world.kubectl('get', 'configmap', 'extra')
  await world.commit('v1')
  const second = await world.task(['deploy', 'production', '--yes'])
  assert.is(second.status, 0, said(second))
  assert.is(await world.kubectl('get', 'configmap', 'extra', '--ignore-not-found'), '')
})

on('is told before anything changes what the server would refuse', async ({ world }) => {
  await world.commit(
    'v1',
    'good',
    '---\napiVersion: v1\nkind: Service\nmetadata: { name: Bad_Name }\nspec: { ports: [{ port: 1 }] }\n',
  )
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 3, said(done))
  assert.match(said(done), /Bad_Name/)
})

on('finds what somebody else has changed, and mends it unless it is theirs', async ({ world }) => {
  await world.git('reset', '-q', '--hard', 'HEAD~1')
  await world.kubectl('label', 'deployment', 'api', 'team-')
  const plan = await world.task(['deploy', 'production', '--dry-run'])
  assert.match(said(plan), /Deployment\/api metadata\.labels/)
  const mended = await world.task(['deploy', 'production', '--yes'])
  assert.is(mended.status, 0, said(mended))
  assert.is(await world.kubectl('get', 'deployment', 'api', '-o', 'jsonpath={.metadata.labels.team}'), 'shop')
  await world.kubectl('label', 'deployment', 'api', 'team=theirs', '--overwrite', '--field-manager=other-tool')
  const refused = await world.task(['deploy', 'production', '--yes'])
  assert.is(refused.status, 3, said(refused))
  assert.match(said(refused), /other-tool/)
  await world.kubectl('label', 'deployment', 'api', 'team=shop', '--overwrite', '--field-manager=other-tool')
  const again = await world.task(['deploy', 'production', '--yes'])
  assert.is(again.status, 0, said(again))
})

on.run()

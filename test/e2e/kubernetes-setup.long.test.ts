import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { type KubernetesWorld, makeKubernetesWorld } from './kubernetes-world.ts'

timeLimit(900_000)
const on = suite<{ world: KubernetesWorld }>('setup k8s')
on.before(async (context) => {
  context.world = await makeKubernetesWorld({ cluster: ', quota: { pods: "20" }, outside: [store]' })
})
on.after(({ world }) => world.end())

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`
type Setup = { result: { environments: { environment: string; ops: { id: string; cause: string }[] }[] } }
const opsOf = async (world: KubernetesWorld, ...more: string[]) => {
  const done = await world.json<Setup>(['setup', 'k8s', ...more])
  return done.result.environments.flatMap(({ ops }) => ops)
}

on('shows what it would make, with what the policies deny, and makes nothing', async ({ world }) => {
  const dry = await world.task(['setup', 'k8s', '--dry-run'])
  assert.is(dry.status, 0, said(dry))
  for (const what of ['Namespace ', 'ServiceAccount ', 'Role ', 'RoleBinding ', 'NetworkPolicy ', 'ResourceQuota '])
    assert.match(said(dry), `apply ${what}`)
  assert.match(said(dry), /pods of api reach their dependencies and DNS alone/)
  assert.match(said(dry), /outside: \[api\]/)
  const namespaces = await world.kubectl('get', 'namespaces', '-o', 'name')
  assert.not.ok(namespaces.split('\n').includes(`namespace/${world.namespace}`), namespaces)
})

on('makes it, and needs nothing the second time', async ({ world }) => {
  const done = await world.task(['setup', 'k8s', '--yes'])
  assert.is(done.status, 0, said(done))
  const role = JSON.parse(await world.kubectl('get', 'role', 'vital-ops-deployer', '-o', 'json'))
  const granted = JSON.stringify(role.rules)
  assert.match(granted, '"deployments"')
  assert.not.match(granted, '*')
  await world.kubectl('get', 'networkpolicy', 'default-deny')
  await world.kubectl('get', 'resourcequota', 'environment')
  const again = await world.task(['setup', 'k8s', '--yes'])
  assert.is(again.status, 0, said(again))
  assert.match(said(again), /nothing was changed/)
  assert.equal(await opsOf(world), [])
})

on('makes again what is gone, and changes what differs, saying why', async ({ world }) => {
  await world.kubectl('delete', 'networkpolicy', 'default-deny')
  const path = 'config/environments/production.yaml'
  await world.write(path, (await world.read(path)).replace('pods: "20"', 'pods: "30"'))
  const ops = await opsOf(world, '--dry-run')
  assert.equal(ops.map(({ id }) => id.replace(world.namespace, 'shop')).sort(), [
    'apply:NetworkPolicy:shop:default-deny',
    'apply:ResourceQuota:shop:environment',
  ])
  assert.match(ops.find(({ id }) => id.includes('Quota'))?.cause ?? '', /pods.*20.*30/)
  const done = await world.task(['setup', 'k8s', '--yes'])
  assert.is(done.status, 0, said(done))
  assert.is(await world.kubectl('get', 'resourcequota', 'environment', '-o', 'jsonpath={.spec.hard.pods}'), '30')
})

on('is as it should be after a deploy as well', async ({ world }) => {
  const done = await world.task(['deploy', 'production', '--yes', '--allow-dirty'])
  assert.is(done.status, 0, said(done))
  assert.equal(await opsOf(world), [])
})

on(
  'makes pull secrets of docker’s login and of a secret, and names them in the accounts of pods, or in pods',
  async ({ world }) => {
    const config = join(world.folder, '.ops/docker')
    const login = (password: string) => Buffer.from(`ann:${password}`).toString('base64')
    const loggedIn = (password: string) =>
      world.write(
        '.ops/docker/config.json',
        JSON.stringify({ auths: { 'registry.example.com': { auth: login(password) } } }),
      )
    const env = { DOCKER_CONFIG: config }
    const path = 'config/environments/production.yaml'
    const before = await world.read(path)
    const secrets =
      'pullSecrets: [{ name: registry, registry: registry.example.com }, { name: other, registry: other.example.com, login: { user: bot, password: REGISTRY_PASSWORD } }]'
    await world.write(path, before.replace('outside: [store]', `outside: [store], ${secrets}`))
    await world.write('.env.production', `${await world.read('.env.production')}REGISTRY_PASSWORD=offen-fuer-bots\n`)
    const refused = await world.task(['setup', 'k8s', '--yes'], { env })
    assert.is(refused.status, 3, said(refused))
    assert.match(said(refused), /docker has no name and password for registry\.example\.com here/)
    await loggedIn('offen-fuer-ann')
    const done = await world.task(['setup', 'k8s', '--yes'], { env })
    assert.is(done.status, 0, said(done))
    assert.not.match(said(done), /offen-fuer/)
    const held = async (name: string) => {
      const text = await world.kubectl('get', 'secret', name, '-o', 'jsonpath={.data.\\.dockerconfigjson}')
      return JSON.parse(Buffer.from(text, 'base64').toString()).auths
    }
    assert.equal(await held('registry'), { 'registry.example.com': { auth: login('offen-fuer-ann') } })
    assert.equal(await held('other'), {
      'other.example.com': { auth: Buffer.from('bot:offen-fuer-bots').toString('base64') },
    })
    const named = await world.kubectl('get', 'serviceaccount', 'default', '-o', 'jsonpath={.imagePullSecrets[*].name}')
    assert.is(named, 'registry other')
    await loggedIn('offen-fuer-anna')
    const again = await world.task(['setup', 'k8s', '--yes'], { env })
    assert.is(again.status, 0, said(again))
    assert.match(
      said(again),
      /Secret \S+\/registry with the login to registry\.example\.com \(of docker\) — its login differs/,
    )
    const last = await world.task(['setup', 'k8s', '--dry-run'], { env })
    assert.match(said(last), /nothing to do/)
    await world.write(path, (await world.read(path)).replace(secrets, `${secrets}, pullSecretsOn: pods`))
    const deployed = await world.task(['deploy', 'production', '--yes', '--allow-dirty'], { env })
    assert.is(deployed.status, 0, said(deployed))
    const pods = 'jsonpath={.spec.template.spec.imagePullSecrets[*].name}'
    assert.is(await world.kubectl('get', 'deployment', 'api', '-o', pods), 'registry other')
  },
)

on.run()

/** Images that a deploy to a cluster builds on an engine and sends to a registry; pins by digest; and images that it is given. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { engine } from '../support/docker.ts'
import { skip, timeLimit } from '../support/index.ts'
import { startRegistry } from '../support/registry.ts'
import { isReal, type KubernetesWorld, makeKubernetesWorld } from './kubernetes-world.ts'

if (isReal) skip('the cluster does not reach the registry of this machine')
timeLimit(600_000)

const on = await engine()
const registry = await startRegistry()
const repository = `${registry.host}/shop/api`
const sidecar = `${registry.host}/shop/sidecar:1`
let world: KubernetesWorld

const manifest = (images: string[]) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: api }
spec:
  replicas: 1
  selector: { matchLabels: { app: api } }
  template:
    metadata: { labels: { app: api } }
    spec:
      containers:
${images.map((image, index) => `        - { name: c${index}, image: "${image}" }`).join('\n')}
`
const service = `name: api
category: applications
kubernetes: { namespace: shop, manifests: [k8s/api], settle: 1s }
build: { dockerfile: app/Dockerfile, context: app, repository: "${repository}" }
`

async function commit(version: string): Promise<void> {
  await world.write('app/version', version)
  await world.git('add', '-A')
  await world.git('commit', '-q', '-m', version)
}

test.before(async () => {
  world = await makeKubernetesWorld({ pulls: (image) => image.startsWith(registry.host) })
  await world.write('app/Dockerfile', 'FROM scratch\nCOPY version /version\n')
  await world.write('config/services/api.yaml', service)
  await world.write('k8s/api/api.yaml', manifest([repository, sidecar]))
  await commit('v1')
})
test.after(async () => {
  await world.end()
  for (const name of [repository, sidecar.split(':1')[0] ?? '']) {
    const left = await on.docker(['images', '--format', '{{.Repository}}:{{.Tag}}', name])
    if (left !== '') await on.try(['rmi', '--force', ...left.split('\n')])
  }
  await registry.end()
})

async function expectExit(status: number, args: readonly string[]): Promise<string> {
  const { status: is, stdout, stderr } = await world.task(args, { env: on.env })
  assert.is(is, status, `task ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout + stderr
}

const running = async (): Promise<string[]> =>
  (await world.kubectl('get', 'deployment', 'api', '-o', 'jsonpath={.spec.template.spec.containers[*].image}')).split(
    ' ',
  )
const digestOf = async (path: string) =>
  (
    await fetch(`http://${registry.host}/v2/${path}`, {
      method: 'HEAD',
      headers: { Accept: 'application/vnd.docker.distribution.manifest.v2+json' },
    })
  ).headers.get('docker-content-digest')
let first: string

test('a deploy builds and pushes; manifests carry the digests, also of images that others made', async () => {
  const tags = 'shop/api'
  await on.docker(['build', '--tag', sidecar, '-'], { input: 'FROM scratch\nLABEL side=car\n' })
  await on.docker(['push', sidecar])
  const plan = await expectExit(0, ['deploy', 'production', '--dry-run'])
  assert.match(plan, /build api: [\s\S]*push 127/)
  await expectExit(0, ['deploy', 'production', '--yes'])
  const [own = '', other = ''] = await running()
  assert.ok(own.startsWith(`${repository}:`), own)
  const [reference = '', digest = ''] = own.split('@')
  assert.is(digest, await digestOf(`${tags}/manifests/${reference.split(':').at(-1)}`))
  assert.is(other, `${sidecar}@${await digestOf('shop/sidecar/manifests/1')}`)
  first = `${repository}@${digest}`
  assert.match(await expectExit(0, ['deploy', 'production', '--yes']), /nothing to do/)
})

test('a registry that does not answer changes nothing, and is said where something is built', async () => {
  registry.always(503)
  try {
    assert.match(await expectExit(0, ['deploy', 'production', '--yes']), /nothing to do/)
    await commit('v2')
    assert.match(await expectExit(0, ['deploy', 'production', '--dry-run']), /answers 503/)
    registry.always(401)
    assert.match(await expectExit(3, ['deploy', 'production', '--dry-run']), /docker login/)
  } finally {
    registry.always(undefined)
  }
})

test('a rollback runs what the record says; what the registry has is not built again', async () => {
  await expectExit(0, ['deploy', 'production', '--yes'])
  assert.not.equal((await running())[0]?.split('@')[1], first.split('@')[1])
  assert.not.match(await expectExit(0, ['rollback', 'production', '--yes']), /build|push/)
  assert.is((await running())[0]?.split('@')[1], first.split('@')[1])
  assert.not.match(await expectExit(0, ['deploy', 'production', '--dry-run']), /build api|push /)
})

test('an image that is given needs neither engine nor registry', async () => {
  await commit('v3')
  const nowhere = { DOCKER_HOST: 'unix:///nowhere/docker.sock' }
  const refused = await world.task(['deploy', 'production', '--dry-run'], { env: nowhere })
  assert.is(refused.status, 3, refused.stdout + refused.stderr)
  assert.match(refused.stdout + refused.stderr, /images are built by a Docker engine/)
  const given = await world.task(['deploy', 'production', '--image', `api=${first}`, '--yes'], { env: nowhere })
  assert.is(given.status, 0, given.stdout + given.stderr)
  assert.is((await running())[0], first)
})

test.run()

/** Images that a deploy builds (FROM scratch), sends to a registry and fetches from there again; those that it is given; and registries that fail. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { busybox } from '../images/index.ts'
import { engine } from '../support/docker.ts'
import { note, timeLimit } from '../support/index.ts'
import { startRegistry } from '../support/registry.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(600_000)

const on = await engine()
const registry = await startRegistry()
let world: DockerWorld
let repository: string

const compose = `services:
  app:
    restart: unless-stopped
    stop_grace_period: 1s
`
const appYaml = (port: number, tagged: string) => `name: app
category: applications
docker: { path: infrastructure/docker/applications/app, ports: [{ name: http, container: 8000, host: ${port} }] }
build: { dockerfile: app/Dockerfile, context: app, repository: "${tagged}" }
health: { probes: [{ type: http, path: /version }], interval: 200ms, passes: 1, deadline: 40s }
`
const dockerfile = `FROM scratch
ADD rootfs.tar /
COPY www /www
CMD ["httpd", "-f", "-p", "8000", "-h", "/www"]
`

async function commit(version: string): Promise<string> {
  await world.write('app/www/version', version)
  return world.commit('good', version)
}

test.before(async () => {
  world = await makeDockerWorld({ services: [] })
  repository = `${registry.host}/${world.name}/app`
  const made = await on.docker(['create', await busybox(on)])
  await world.write('app/Dockerfile', dockerfile)
  execFileSync('docker', ['export', '--output', join(world.folder, 'app/rootfs.tar'), made], {
    env: { ...process.env, ...on.env },
  })
  await on.docker(['rm', made])
  await world.write('infrastructure/docker/applications/app/compose.yaml', compose)
  await world.write('config/services/app.yaml', appYaml(world.port, repository))
  await world.write('config/environments/dev.yaml', 'name: dev\nplatform: docker\nservices: [app]\n')
  await commit('v1')
})
test.after(async () => {
  await world.end()
  const left = await on.docker(['images', '--quiet', repository])
  if (left !== '') await on.try(['rmi', '--force', ...new Set(left.split('\n'))])
  await registry.end()
})

async function expectExit(status: number, args: readonly string[], env?: Record<string, string>): Promise<string> {
  const { status: is, stdout, stderr } = await world.task(args, env ? { env } : {})
  assert.is(is, status, `task ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout + stderr
}

const version = async () => (await world.get('/version'))?.body
type Record1 = { result: { releases: { number: number; pushed?: Record<string, string> }[] } }
const pushed = async (number: number) => {
  const { result } = await world.json<Record1>(['releases', 'dev'])
  return Object.entries(result.releases.find((one) => one.number === number)?.pushed ?? {})
}
let first: string

test('a deploy builds the image, pushes it, and records its digest', async () => {
  assert.match(await expectExit(0, ['deploy', 'dev', '--dry-run']), /build app: .*[\s\S]*push 127/)
  await expectExit(0, ['deploy', 'dev'])
  assert.is(await version(), 'v1')
  const [[reference, digest] = ['', '']] = await pushed(1)
  assert.match(digest, /^sha256:/)
  assert.ok(reference.startsWith(`${repository}:`))
  first = `${repository}@${digest}`
  const answer = await fetch(`http://${registry.host}/v2/${world.name}/app/manifests/${digest}`)
  assert.is(answer.status, 200)
  assert.match(await expectExit(0, ['deploy', 'dev']), /nothing to do/)
})

test('what the registry has is neither built nor pushed, and fetched by its digest where the engine lost it', async () => {
  await commit('v2')
  await expectExit(0, ['deploy', 'dev'])
  assert.is(await version(), 'v2')
  const ids = await on.docker(['images', '--quiet', '--no-trunc', '--digests', repository])
  assert.ok(ids.length > 0)
  await on.docker(['rmi', '--force', (await pushed(1))[0]?.[0] ?? ''])
  await on.docker(['rmi', '--force', first])
  const back = await expectExit(0, ['rollback', 'dev'])
  assert.match(back, /pull .*app/)
  assert.is(await version(), 'v1')
  const again = await expectExit(0, ['deploy', 'dev', '--dry-run'])
  assert.not.match(again, /build app|push /)
})

test('an image that is given takes the place of the build; without it the next deploy goes back to that', async () => {
  await commit('v3')
  const plan = await expectExit(0, ['deploy', 'dev', '--image', `app=${first}`, '--dry-run'])
  assert.not.match(plan, /build app|push /)
  await expectExit(0, ['deploy', 'dev', '--image', `app=${first}`])
  assert.is(await version(), 'v1')
  assert.match(await expectExit(0, ['deploy', 'dev', '--image', `app=${first}`]), /nothing to do/)
  assert.match(await expectExit(0, ['deploy', 'dev', '--dry-run']), /build app/)
  assert.match(await expectExit(2, ['deploy', 'dev', '--image', 'app']), /--image app is no service with an image/)
  const other = first.replace(/[0-9a-f]{64}$/, '0'.repeat(64))
  assert.match(await expectExit(3, ['deploy', 'dev', '--image', `app=${other}`]), /image-not-pullable|cannot be pulled/)
})

test('a registry that fails is told of before anything changes, with its cause', async () => {
  for (const [fault, said, status] of [
    [503, /answers 503/, 0],
    [401, /without a login[\s\S]*docker login/, 3],
    ['hang', /no answer within 4 s/, 0],
  ] as const) {
    registry.always(fault)
    const done = await expectExit(status, ['deploy', 'dev', '--dry-run']).finally(() => registry.always(undefined))
    assert.match(done, said, String(fault))
  }
  assert.is(await version(), 'v1')
})

test('a registry that asks for a password is asked with the one that docker has', async () => {
  const config = join(world.folder, '.ops', 'docker-config')
  await world.write(
    '.ops/docker-config/config.json',
    JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from('me:geheim').toString('base64') } } }),
  )
  registry.fail(401)
  const said = await expectExit(0, ['deploy', 'dev', '--image', `app=${repository}:none`, '--dry-run'], {
    DOCKER_CONFIG: config,
  }).catch((error: Error) => error.message)
  assert.match(String(said), /does not have it/)
})

test('BuildKit builds it too', async () => {
  const dated = execFileSync('/usr/bin/docker', ['--version'], { encoding: 'utf8' })
  note(dated.trim())
  await commit('v4')
  const said = await expectExit(0, ['deploy', 'dev'], { DOCKER_BUILDKIT: '1', PATH: `/usr/bin:${process.env.PATH}` })
  note(/Step \d+/.test(said) ? 'by the classic builder' : 'by BuildKit')
  assert.is(await version(), 'v4')
})

test.run()

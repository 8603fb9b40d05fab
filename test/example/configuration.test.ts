import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { environmentSchema } from '../../lib/model/environment.ts'
import { serviceSchema } from '../../lib/model/service.ts'
import { checkValues } from '../../lib/validate/check-values.ts'
import { resolveEnvironment } from '../../lib/validate/resolve.ts'
import { loadWorkspace } from '../../lib/validate/workspace.ts'

const example = path.resolve('example')
const config = path.join(example, 'config')
const read = (file: string) => fs.readFileSync(path.join(config, file), 'utf8')
const filesIn = (folder: string) =>
  fs
    .readdirSync(path.join(config, folder))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => path.join(folder, name))

const services = filesIn('services').map((file) => ({ file, service: serviceSchema.parse(parse(read(file))) }))
const environments = filesIn('environments').map((file) => environmentSchema.parse(parse(read(file))))

test('each file names its schema, which is there, in the first line', () => {
  const files = ['workspace.yaml', ...filesIn('services'), ...filesIn('environments')]
  assert.is(files.length, 11)
  for (const file of files) {
    const kind = { services: 'service', environments: 'environment', '.': 'workspace' }[path.dirname(file)]
    const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(read(file))?.[1] ?? ''
    const found = path.resolve(config, path.dirname(file), schema)
    assert.is(found, path.resolve('schemas', `${kind}.json`), file)
    assert.ok(fs.existsSync(found), found)
  }
})

/** The workspace as loaded from its files, which has no mistake. */
function workspace() {
  const names = fs
    .readdirSync(config, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
  const texts = new Map(
    names.map(({ parentPath, name }) => {
      const file = path.join(parentPath, name)
      return [path.relative(example, file), fs.readFileSync(file, 'utf8')]
    }),
  )
  const exists = (file: string) => fs.existsSync(path.join(example, file))
  const loaded = loadWorkspace(texts, { exists })
  assert.equal(loaded.failures, [])
  assert.ok(loaded.workspace)
  return loaded.workspace
}

/** The environment's services by name. */
function resolve(environment: string, platform?: 'local', programs: Record<string, string> = {}) {
  const resolved = resolveEnvironment(workspace(), environment, {
    folder: example,
    values: new Map([['POSTGRES_PASSWORD', 'a-password']]),
    digest: ({ name }) => ({ secret: name, digest: '0' }),
    programs,
    ...(platform && { platform }),
  })
  assert.ok(resolved.ok, JSON.stringify(resolved))
  return new Map(resolved.ok ? resolved.value.desired.services.map((service) => [service.name, service]) : [])
}

test('the workspace has no mistake, in any environment', () => {
  assert.equal(checkValues(workspace()), [])
})

test('dev runs on Node alone: without redis-server there is no cache, and nothing else is missing', () => {
  const bare = resolve('dev')
  assert.equal([...bare.keys()].sort(), ['api', 'postgres', 'redis', 'worker'])
  assert.match(bare.get('redis')?.unavailable ?? '', 'redis-server')
  assert.is(bare.get('api')?.spec?.environment.REDIS_URL, undefined)
  const { PORT, DATABASE_URL, RELEASE } = bare.get('worker')?.spec?.environment ?? {}
  assert.is(PORT, '18081')
  assert.equal(DATABASE_URL, [
    'postgres://endpoint_statistics:',
    { secret: 'POSTGRES_PASSWORD', digest: '0' },
    '@127.0.0.1:15432/endpoint_statistics',
  ])
  assert.equal(RELEASE, [{ known: 'release' }])

  const { api, redis } = Object.fromEntries(resolve('dev', undefined, { 'redis-server': '/usr/bin/redis-server' }))
  assert.is(api?.spec?.environment.REDIS_URL, 'redis://127.0.0.1:16379')
  assert.equal(redis?.spec?.command?.slice(-2), ['--port', '16379'])
})

test('production can be rehearsed on this machine, beside dev', () => {
  const ports = (services: ReturnType<typeof resolve>) =>
    [...services.values()].flatMap(({ spec }) => Object.values(spec?.ports ?? {}))
  const rehearsed = ports(resolve('production', 'local'))
  assert.ok(rehearsed.length >= 3)
  for (const port of ports(resolve('dev'))) assert.not.ok(rehearsed.includes(port))
})

for (const { file, service } of services) {
  test(`${file} says what its Compose file and manifests say`, () => {
    assert.is(service.name, path.basename(file, '.yaml'))
    for (const manifest of service.kubernetes?.manifests ?? []) assert.ok(fs.existsSync(path.join(example, manifest)))
    for (const { source } of service.configuration.volumes)
      if (source) assert.ok(fs.existsSync(path.join(example, source)))
    assert.ok(service.docker)
    assert.is(service.docker.path, `infrastructure/docker/${service.category}/${service.name}`)
    const compose = parse(fs.readFileSync(path.join(example, service.docker.path, 'compose.yaml'), 'utf8'))
    assert.equal([...service.docker.networks].sort(), Object.keys(compose.networks).sort())
    const published = (compose.services[service.name].ports ?? []).map((port: string) => Number(port.split(':').at(-1)))
    const declared = service.docker.ports.filter(({ host }) => host !== undefined).map(({ container }) => container)
    assert.equal(published, declared)
    if (service.build?.dockerfile) {
      const dockerfile = fs.readFileSync(path.join(example, service.build.dockerfile), 'utf8')
      assert.match(dockerfile, `EXPOSE ${service.docker.ports[0]?.container}\n`)
    }
    assert.ok(service.health.probes.length > 0)
  })
}

test('ports of this machine are used once', () => {
  const ports = services.flatMap(({ service }) => Object.values(service.local?.ports ?? {}))
  assert.is(new Set(ports).size, ports.length)
})

test('dev runs here, staging on Docker, production on Kubernetes, each with a database', () => {
  const found = environments.map(({ name, platform, protected: asks }) => [name, platform, asks])
  assert.equal(found, [
    ['dev', 'local', false],
    ['production', 'kubernetes', true],
    ['staging', 'docker', false],
  ])
  for (const { name, database } of environments) {
    assert.is(database?.service, 'postgres')
    const text = read(`environments/.env.${name}.example`)
    assert.match(text, /^# generate: 32\nPOSTGRES_PASSWORD=$/m)
  }
})

test('dev warms the cache after a deploy, and a failure of that only warns', () => {
  const [dev] = environments
  assert.equal(dev?.deploy.hooks.afterHealthy, [
    { task: 'warm-cache', timeout: '30s', onError: 'warn', repeatable: true },
  ])
})

test.run()

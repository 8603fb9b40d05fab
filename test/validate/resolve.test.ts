import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../../lib/model/secret.ts'
import { loadWorkspace } from '../../lib/validate/workspace.ts'
import { baseWorkspace } from './base-workspace.ts'
import { broken } from './broken/index.ts'
import { codesOf, desiredOf, loaded, resolved, serviceOf } from './support.ts'

const api = 'config/services/api.yaml'
const redis = 'config/services/redis.yaml'
const dev = 'config/environments/dev.yaml'
const production = 'config/environments/production.yaml'

const password = { secret: 'POSTGRES_PASSWORD', digest: '<generated-password>' }

test('services come after what they depend on, by name where nothing decides', () => {
  const desired = desiredOf(baseWorkspace, 'dev')
  assert.equal(
    desired.services.map(({ name }) => name),
    ['postgres', 'redis', 'api', 'worker'],
  )
  assert.equal(serviceOf(desired, 'worker').dependencies, [
    { service: 'postgres', optional: false },
    { service: 'api', optional: false },
  ])
  assert.equal(desired.workspace, { name: 'statistics', id: 'k3v9x2m7q1', folder: '/workspace' })
  assert.equal(
    [desired.environment, desired.configuredAs, desired.platform, desired.rehearsal],
    ['dev', 'dev', 'local', false],
  )
})

test('references become addresses, ports and values; secrets become references', () => {
  const { spec } = serviceOf(desiredOf(baseWorkspace, 'dev'), 'api')
  assert.equal(spec?.environment, {
    PORT: '8080',
    DATABASE_URL: ['postgres://stats:', password, '@127.0.0.1:5433/stats'],
    REDIS_URL: 'redis://127.0.0.1:6379',
    LOG_LEVEL: 'info',
    PUBLIC_URL: 'http://localhost:8080',
    SESSION_KEY: [{ secret: 'SESSION_KEY', digest: '<generated-key>' }],
  })
  assert.equal(spec?.health, {
    probes: [{ type: 'http', path: '/readyz', method: 'GET' }],
    intervalMs: 1000,
    passes: 2,
    deadlineMs: 30_000,
    watchMs: 10_000,
  })
})

test('no secret is in the resolved environment', () => {
  const text = JSON.stringify(
    desiredOf(baseWorkspace, 'dev', { digest: ({ name }) => ({ secret: name, digest: 'd' }) }),
  )
  assert.not.match(text, /generated-(password|key)/)
})

test('the database is resolved with its password by reference', () => {
  const migrations = [{ version: '1', name: 'a', path: 'p', sha256: 's', effect: 'expand' as const }]
  const { database } = desiredOf(baseWorkspace, 'dev', { migrations, seeds: [] })
  assert.equal(database, { service: 'postgres', name: 'stats', user: 'stats', password, migrations, seeds: [] })
  const { spec } = serviceOf(desiredOf(baseWorkspace, 'dev'), 'postgres')
  assert.equal(spec?.database, { name: 'stats', user: 'stats', password })
  assert.equal(spec?.engine, { name: 'postgres', version: 17, prefer: 'embedded' })
})

test('the only service that is a database is the environment’s, when it names none', () => {
  const path = 'config/environments/dev.yaml'
  const unnamed = new Map(baseWorkspace).set(path, (baseWorkspace.get(path) ?? '').replace(/^database:\n.*\n/m, ''))
  assert.not.match(unnamed.get(path) ?? '', 'database:')
  assert.is(desiredOf(unnamed, 'dev').database?.service, 'postgres')
  assert.is(loaded(unnamed).environments.get('dev')?.configuration.database?.migrations, 'database/migrations')
  const postgres = baseWorkspace.get('config/services/postgres.yaml') ?? ''
  const two = unnamed.set(
    'config/services/other.yaml',
    postgres.replaceAll('postgres', 'other').replace(/\d{4,5}/g, '15999'),
  )
  assert.is(loadWorkspace(two).workspace?.environments.get('dev')?.configuration.database, undefined)
})

const built: [title: string, text: string, value: unknown][] = [
  ['the environment', '${environment}', 'dev'],
  ['the workspace', '${workspace}', 'statistics'],
  ['the release', 'r${release}', ['r', { known: 'release' }]],
  ['the revision', '${revision}', [{ known: 'revision' }]],
  ['a dollar sign', 'a$$b$c', 'a$b$c'],
  ['an escaped reference', '$${PUBLIC_URL}', '${PUBLIC_URL}'],
  ['a value that is there before its default', '${PUBLIC_URL:-x}', 'http://localhost:8080'],
  ['a default', '${NOT_THERE:-a b}', 'a b'],
  ['an empty default', '${NOT_THERE:-}', ''],
  ['a default in a default', '${NOT_THERE:-<${NOR_THIS:-c}>}', '<c>'],
  ['a default with a secret', '${NOT_THERE:-${POSTGRES_PASSWORD}}', [password]],
  ['a port by name', '${services.postgres.ports.sql}', '5433'],
  ['its own host', '${services.api.host}', '127.0.0.1'],
  [
    'two secrets',
    '${POSTGRES_PASSWORD}${SESSION_KEY}',
    [password, { secret: 'SESSION_KEY', digest: '<generated-key>' }],
  ],
]
for (const [title, text, value] of built) {
  test(`resolves ${title}`, () => {
    const texts = broken([{ file: api, from: 'PORT: ${ports.http}', to: `PORT: '${text}'` }])
    assert.equal(serviceOf(desiredOf(texts, 'dev'), 'api').spec?.environment.PORT, value)
  })
}

test('numbers and truth values among the variables keep the text as written', () => {
  const texts = broken([
    {
      file: api,
      from: '    PORT: ${ports.http}',
      to: '    A: 1.10\n    B: 0123\n    C: True\n    D: 1e3\n    E: 12345678901234567890',
    },
  ])
  const { A, B, C, D, E } = serviceOf(desiredOf(texts, 'dev'), 'api').spec?.environment ?? {}
  assert.equal([A, B, C, D, E], ['1.10', '0123', 'True', '1e3', '12345678901234567890'])
})

test('a service whose programs are missing is unavailable; a variable that refers to it is left out', () => {
  const desired = desiredOf(baseWorkspace, 'dev', { programs: { 'redis-server': undefined } })
  const found = serviceOf(desired, 'redis')
  assert.is(found.unavailable, 'it needs redis-server, not found on this machine')
  assert.is(found.spec, undefined)
  assert.is('REDIS_URL' in (serviceOf(desired, 'api').spec?.environment ?? {}), false)
  const there = desiredOf(baseWorkspace, 'dev', { programs: { 'redis-server': '/usr/bin/redis-server' } })
  assert.is(serviceOf(there, 'redis').unavailable, undefined)
})

test('a reference to an absent service takes its default', () => {
  const texts = broken([
    { file: api, from: '${services.redis.host}:${services.redis.port}', to: '${services.redis.host:-none}' },
  ])
  const { spec } = serviceOf(desiredOf(texts, 'dev', { programs: {} }), 'api')
  assert.is(spec?.environment.REDIS_URL, 'redis://none')
})

test('what needs an unavailable service is an error; what needs it optionally is not', () => {
  const texts = broken([{ file: api, from: 'optional: true', to: 'optional: false' }])
  assert.equal(codesOf(resolved(texts, 'dev', { programs: {} })), [`${api}:5:16 required-unavailable`])
})

test('a probe that refers to an absent service is left out, a command that does is an error', () => {
  const probe = broken([
    {
      file: api,
      from: '    - { type: http, path: /readyz }',
      to: '    - { type: http, path: /readyz }\n    - { type: redis, url: "redis://${services.redis.host}" }',
    },
  ])
  assert.is(serviceOf(desiredOf(probe, 'dev', { programs: {} }), 'api').spec?.health.probes.length, 1)
  assert.is(serviceOf(desiredOf(probe, 'dev'), 'api').spec?.health.probes.length, 2)
  const command = broken([
    { file: api, from: 'services/api/main.js]', to: 'services/api/main.js, "${services.redis.port}"]' },
  ])
  assert.equal(codesOf(resolved(command, 'dev', { programs: {} })), [`${api}:7:42 reference-unavailable`])
})

test('an environment overrides variables, ports and single parts of health', () => {
  const texts = broken([
    {
      file: dev,
      from: 'platform: local\n',
      to: 'platform: local\nservices:\n  postgres: {}\n  api: { ports: { http: 9000 }, environment_variables: { LOG_LEVEL: debug, EXTRA: 5 }, health: { deadline: 5m } }\n',
    },
  ])
  const { spec } = serviceOf(desiredOf(texts, 'dev'), 'api')
  assert.equal(spec?.ports, { http: 9000 })
  assert.is(spec?.environment.PORT, '9000')
  assert.is(spec?.environment.LOG_LEVEL, 'debug')
  assert.is(spec?.environment.EXTRA, '5')
  assert.is(spec?.health.deadlineMs, 300_000)
  assert.is(spec?.health.probes.length, 1)
})

test('assigned ports go before configured ones, and dependents are told', () => {
  const desired = desiredOf(baseWorkspace, 'dev', { ports: { postgres: { sql: 6000 }, api: { http: 6001 } } })
  assert.equal(serviceOf(desired, 'postgres').spec?.ports, { sql: 6000 })
  assert.equal(serviceOf(desired, 'api').spec?.environment.DATABASE_URL, [
    'postgres://stats:',
    password,
    '@127.0.0.1:6000/stats',
  ])
  assert.is(serviceOf(desired, 'worker').spec?.environment.API_URL, 'http://127.0.0.1:6001')
})

test('a provider goes before the committed values; an empty secret is missing', () => {
  const values = new Map([
    ['POSTGRES_PASSWORD', 'password'],
    ['SESSION_KEY', ''],
    ['PUBLIC_URL', 'http://localhost:1'],
  ])
  const result = resolved(baseWorkspace, 'dev', { values })
  assert.equal(codesOf(result), [`${api}:25:13 missing-secret`])
  assert.equal(result.ok ? [] : result.failures[0].next, ['give SESSION_KEY a value in .env.dev'])
  const other = desiredOf(baseWorkspace, 'dev', { values: new Map([...values, ['SESSION_KEY', 'long-enough']]) })
  assert.is(serviceOf(other, 'api').spec?.environment.PUBLIC_URL, 'http://localhost:1')
})

test('a value from a provider that gives only secrets is one, whatever its name', () => {
  const values = new Map<string, Secret | string>([
    ['POSTGRES_PASSWORD', 'password'],
    ['SESSION_KEY', 'long-enough'],
    ['LOG_LEVEL', new Secret('LOG_LEVEL', 'verbose')],
  ])
  assert.equal(serviceOf(desiredOf(baseWorkspace, 'dev', { values }), 'api').spec?.environment.LOG_LEVEL, [
    { secret: 'LOG_LEVEL', digest: '<verbose>' },
  ])
})

test('a missing secret is reported once, and not again for every reference to it', () => {
  const result = resolved(baseWorkspace, 'dev', { values: new Map([['SESSION_KEY', 'long-enough']]) })
  assert.equal(codesOf(result), ['config/services/postgres.yaml:10:13 missing-secret'])
})

test('a secret that is too short is warned of, once', () => {
  const values = new Map([
    ['POSTGRES_PASSWORD', 'short'],
    ['SESSION_KEY', 'long-enough'],
  ])
  const result = resolved(baseWorkspace, 'dev', { values })
  assert.ok(result.ok)
  const { warnings } = result.value
  assert.equal(
    warnings.map(({ rule, severity }) => [rule, severity]),
    [['secret-too-short', 'warning']],
  )
  assert.not.match(JSON.stringify(warnings), /"short"/)
})

test('an unknown environment names the nearest; one with a broken file says so', () => {
  const unknown = resolved(baseWorkspace, 'prodution')
  assert.is(unknown.ok, false)
  assert.equal(unknown.ok ? [] : [unknown.failures[0].code, unknown.failures[0].nearest], [
    'unknown-environment',
    'production',
  ])
  const far = resolved(baseWorkspace, 'qa')
  assert.match(far.ok ? '' : (far.failures[0].next ?? []).join(), 'write config/environments/qa.yaml')
})

test('on Kubernetes, hosts are names in the cluster and the database is where its URL says', () => {
  const desired = desiredOf(baseWorkspace, 'production')
  assert.equal(
    desired.services.map(({ name }) => name),
    ['api', 'worker'],
  )
  assert.equal(serviceOf(desired, 'api').dependencies, [])
  const { environment } = serviceOf(desired, 'api').spec ?? {}
  assert.equal(environment?.DATABASE_URL, ['postgres://stats:', password, '@db.example.com:6432/stats'])
  assert.is('REDIS_URL' in (environment ?? {}), false)
  assert.is(serviceOf(desired, 'worker').spec?.environment.API_URL, 'http://api.statistics:8080')
  assert.equal(desired.database?.url, ['postgres://stats:', password, '@db.example.com:6432/stats'])
})

test('on Docker, hosts are services of the network and ports those of containers', () => {
  const texts = broken([
    { file: production, from: 'platform: kubernetes\nkubernetes:\n  context: cluster\n', to: 'platform: docker\n' },
    {
      file: 'config/services/worker.yaml',
      from: 'kubernetes:',
      to: 'docker:\n  path: infrastructure/compose/worker\nkubernetes:',
    },
    { file: api, from: 'container: 8080', to: 'container: 80' },
  ])
  assert.is(serviceOf(desiredOf(texts, 'production'), 'worker').spec?.environment.API_URL, 'http://api:80')
})

test('dependencies of a platform are added to the others there, and only there', () => {
  const texts = broken([
    {
      file: redis,
      from: 'category: databases\n',
      to: 'category: databases\nkubernetes:\n  namespace: x\n  manifests: [x.yaml]\n',
    },
    {
      file: 'config/services/worker.yaml',
      from: '  namespace: statistics\n',
      to: '  namespace: statistics\n  dependencies: [redis]\n',
    },
    { file: production, from: '  worker: {}\n', to: '  worker: {}\n  redis: {}\n' },
  ])
  const needs = (environment: string) =>
    serviceOf(desiredOf(texts, environment), 'worker').dependencies.map(({ service }) => service)
  assert.equal(needs('dev'), ['postgres', 'api'])
  assert.equal(needs('production'), ['api', 'redis'])
})

test.run()

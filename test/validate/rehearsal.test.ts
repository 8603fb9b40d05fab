import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Secret } from '../../lib/model/secret.ts'
import { rehearsalPort } from '../../lib/validate/addresses.ts'
import { baseWorkspace } from './base-workspace.ts'
import { broken } from './broken/index.ts'
import { codesOf, desiredOf, resolved, serviceOf } from './support.ts'

const api = 'config/services/api.yaml'
const production = 'config/environments/production.yaml'
const rehearse = { platform: 'local' as const }

test('a rehearsal is an environment of its own, with its own ports and the database that it runs itself', () => {
  const desired = desiredOf(baseWorkspace, 'production', rehearse)
  assert.equal(
    [desired.environment, desired.configuredAs, desired.platform, desired.rehearsal],
    ['production@local', 'production', 'local', true],
  )
  assert.equal(
    desired.services.map(({ name }) => name),
    ['postgres', 'api', 'worker'],
  )
  const { spec } = serviceOf(desired, 'api')
  const sql = serviceOf(desired, 'postgres').spec?.ports.sql
  const http = spec?.ports.http
  assert.is.not(http, 8080)
  assert.is.not(sql, 5433)
  assert.is(spec?.environment.PORT, String(http))
  assert.equal(spec?.environment.DATABASE_URL, [
    'postgres://stats:',
    { secret: 'POSTGRES_PASSWORD', digest: '<generated-password>' },
    `@127.0.0.1:${sql}/stats`,
  ])
  assert.is(spec?.environment.LOG_LEVEL, 'warn')
  assert.is(spec?.environment.PUBLIC_URL, 'http://localhost:18080')
  assert.is(desired.database?.url, undefined)
})

test('a rehearsal knows no address of the real environment, asks for no name, and tells nobody', () => {
  const texts = broken([
    {
      file: production,
      from: 'protected: true',
      to: 'protected: true\nnotifications:\n  - on: [healthy]\n    command: [mail]\nsecrets:\n  - type: process',
    },
  ])
  const { configuration } = desiredOf(texts, 'production', rehearse)
  assert.is(configuration.database?.url, undefined)
  assert.is(configuration.kubernetes, undefined)
  assert.is(configuration.secrets, undefined)
  assert.is(configuration.protected, false)
  assert.equal(configuration.notifications, [])
  assert.is(configuration.deploy.hooks.afterHealthy?.length, 1)
})

test('only the platform local rehearses', () => {
  assert.equal(codesOf(resolved(baseWorkspace, 'production', { platform: 'docker' })), [
    `${production}:2:11 unsupported-platform`,
  ])
  assert.is(desiredOf(baseWorkspace, 'production', { platform: 'kubernetes' }).rehearsal, false)
})

test('a value that points to another machine is refused, at its place, with what to change', () => {
  const texts = broken([
    { file: production, from: 'rehearsal:\n  values:\n    PUBLIC_URL: http://localhost:18080\n', to: '' },
  ])
  const result = resolved(texts, 'production', rehearse)
  assert.equal(codesOf(result), [`${api}:24:17 not-loopback`])
  const [failure] = result.ok ? [] : result.failures
  assert.is(failure?.message, 'PUBLIC_URL of `api` points to another machine: statistics.example.com')
  assert.is(failure?.source, '    PUBLIC_URL: ${PUBLIC_URL}')
  assert.equal(failure?.next, ['set PUBLIC_URL under rehearsal.values in config/environments/production.yaml'])
  assert.is(failure?.outcome, 'unchanged')
})

test('a secret that points to another machine is refused without any of its text', () => {
  const values = new Map<string, Secret | string>([
    ['POSTGRES_PASSWORD', 'x@planted.example.com/'],
    ['SESSION_KEY', 'http://hidden.example.com'],
  ])
  const result = resolved(baseWorkspace, 'production', { ...rehearse, values })
  assert.equal(codesOf(result), [`${api}:21:19 not-loopback`, `${api}:25:13 not-loopback`])
  assert.not.match(JSON.stringify(result), /planted|hidden/)
})

const written: [title: string, from: string, to: string][] = [
  ['a variable', 'LOG_LEVEL: ${LOG_LEVEL:-info}', 'UPSTREAM: https://api.example.com'],
  ['a variable that is an address by its name', 'LOG_LEVEL: ${LOG_LEVEL:-info}', 'REDIS_HOST: cache'],
  ['an argument', '[node, services/api/main.js]', '[node, --upstream=https://api.example.com]'],
  ["a probe's URL", '{ type: http, path: /readyz }', '{ type: http, url: "https://api.example.com/readyz" }'],
  ["a probe's host", '{ type: http, path: /readyz }', '{ type: tcp, host: api, port: 443 }'],
  ["a certificate's host", '{ type: http, path: /readyz }', '{ type: certificate, host: example.com }'],
  ["a probe's command", '{ type: http, path: /readyz }', '{ type: exec, command: [curl, "https://api.example.com"] }'],
]
for (const [title, from, to] of written) {
  test(`${title} that points to another machine is refused in a rehearsal, and only there`, () => {
    const texts = broken([{ file: api, from, to }])
    const line = (texts.get(api) as string).split('\n').findIndex((text) => text.includes(to)) + 1
    const failures = codesOf(resolved(texts, 'production', rehearse))
    assert.is(failures.length, 1)
    assert.ok(failures[0]?.startsWith(`${api}:${line}:`) && failures[0].endsWith(' not-loopback'), failures[0])
    assert.equal(codesOf(resolved(texts, 'production')), [])
  })
}

test('ports of a rehearsal never meet each other', () => {
  for (const index of [0, 1, 40]) {
    const ports = Array.from({ length: 65_535 - 1023 }, (_, at) => rehearsalPort(at + 1024, index))
    assert.is(new Set(ports).size, ports.length)
    assert.ok(ports.every((port) => port >= 1024 && port <= 65_535))
  }
})

test.run()

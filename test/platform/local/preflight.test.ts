import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findEnginePackage } from '../../../lib/database/engine/package.ts'
import type { RunSpec } from '../../../lib/model/desired.ts'
import type { Op } from '../../../lib/model/op.ts'
import type { Plan } from '../../../lib/model/plan.ts'
import { repository, skip, temporaryFolder } from '../../support/index.ts'
import { type Bench, bench, reference, spec, startData, writeFiles } from './ops.ts'

const common = { after: [], cause: 'test', changes: true, timeoutMs: 1 }

/** A plan that starts services, after other ops. */
const plan = (specs: RunSpec[], before: Op[] = []): Plan => ({
  operation: 'services up',
  environment: 'dev',
  ops: [
    ...before,
    ...specs.map((of): Op => ({ ...common, id: `start:${of.service}`, kind: 'start-service', data: startData(of) })),
  ],
  findings: [],
  notes: [],
})

const check = async ({ platform, context }: Bench, of: Plan) => platform.preflight(of, undefined, context.signal)

test('nothing to say of what can run', async () => {
  assert.equal(await check(bench(temporaryFolder()), plan([spec({ command: ['sleep', '1'] })])), [])
})

test('a program that is nowhere, with how to install it', async () => {
  const [finding, ...others] = await check(bench(temporaryFolder()), plan([spec({ command: ['no-such-program'] })]))
  assert.is(others.length, 0)
  assert.equal([finding?.rule, finding?.severity, finding?.service], ['program-not-found', 'error', 'api'])
  assert.match(finding?.message ?? '', /no-such-program was not found/)
})

test('a program of the files themselves is looked for where they are, or made', async () => {
  const folder = temporaryFolder()
  const tool = spec({ command: ['./bin/tool'], directory: 'app' })
  const made = bench(folder)
  assert.is((await check(made, plan([tool])))[0]?.rule, 'program-not-found')
  const build: Op = {
    ...common,
    id: 'build:api',
    kind: 'run-build',
    data: { service: 'api', source: { kind: 'working-tree' }, command: ['true'], directory: '.', artefact: '' },
  }
  assert.equal(await check(made, plan([tool], [build])), [])
  writeFiles(folder, { 'app/bin/tool': '#!/bin/sh\n' })
  chmodSync(join(folder, 'app/bin/tool'), 0o755)
  assert.equal(await check(made, plan([tool])), [])
})

test('a release whose files are gone cannot be gone back to', async () => {
  const folder = temporaryFolder()
  const old = spec({ command: ['sleep', '1'], source: { kind: 'release', release: 2 } })
  const [finding] = await check(bench(folder), plan([old]))
  assert.is(finding?.rule, 'release-files-missing')
  assert.match(finding?.message ?? '', /the files of release 2, which api is to run from, are not there/)
  mkdirSync(join(folder, '.ops/releases/dev/2/source'), { recursive: true })
  assert.equal(await check(bench(folder), plan([old])), [])
})

test('secrets that nobody has are told before anything is stopped, unless the plan makes them', async () => {
  const made = bench(temporaryFolder(), { KNOWN: 'value-of-it' })
  const needs = spec({
    command: ['sleep', '1'],
    environment: { A: [reference('KNOWN')], B: ['x', reference('GONE')], C: [reference('GONE')] },
  })
  const findings = await check(made, plan([needs]))
  assert.equal(
    findings.map(({ rule, message }) => [rule, message]),
    [['secret-missing', 'api needs the secret GONE, which no provider has']],
  )
  const write: Op = {
    ...common,
    id: 'env',
    kind: 'write-env',
    data: { path: '/x/.env.dev', example: '/x/.env.dev.example', create: true, add: ['GONE'], generate: ['GONE'] },
  }
  assert.equal(await check(made, plan([needs], [write])), [])
})

test('a rehearsal that would reach another machine is refused, also where a secret holds the address', async () => {
  const values = {
    COLLECTOR: 'http://10.0.0.7:4318',
    LOCAL: 'http://localhost:1234',
    DATABASE_URL: [reference('URL')],
  }
  const secrets = { URL: 'postgres://u:p@db.example.org/x' }
  const reaching = spec({ command: ['sleep', '1'], environment: values })
  const findings = await check(bench(temporaryFolder(), secrets, { environment: 'production@local' }), plan([reaching]))
  assert.equal(findings.map(({ rule, message }) => `${rule} ${message.split(' ')[0]}`).sort(), [
    'not-loopback COLLECTOR',
    'not-loopback DATABASE_URL',
  ])
  assert.not.ok(findings.some(({ message }) => message.includes('db.example.org')))
  assert.equal(await check(bench(temporaryFolder(), secrets), plan([reaching])), [])
})

test('an engine whose package is missing, or whose user cannot reach its data', async () => {
  const found = await findEnginePackage(repository, 17)
  if (!found.ok) skip(`no embedded PostgreSQL 17: ${found.failures[0].message}`)
  const made = bench(temporaryFolder())
  const { command: _, ...rest } = spec({ service: 'postgres' })
  const engine = (version: number): RunSpec => ({ ...rest, engine: { name: 'postgres', version, prefer: 'embedded' } })
  const closed = temporaryFolder()
  process.env.OPS_DATA_ROOT = join(closed, 'data')
  try {
    assert.equal(await check(made, plan([engine(17)])), [])
    assert.is((await check(made, plan([engine(15)])))[0]?.rule, 'engine-version-missing')
    if (process.getuid?.() !== 0) return
    chmodSync(closed, 0o700)
    const [finding] = await check(made, plan([engine(17)]))
    assert.is(finding?.rule, 'data-folder-not-enterable')
    assert.match(finding?.mend ?? '', `chmod o+x ${closed}`)
  } finally {
    delete process.env.OPS_DATA_ROOT
  }
})

test.run()

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { adminUser } from '../../lib/database/engine/cluster.ts'
import { readMigrations, readSeeds } from '../../lib/database/files.ts'
import { type DatabasePorts, databaseHandlers } from '../../lib/database/handlers.ts'
import { type Failure, ok, unwrap } from '../../lib/model/failure.ts'
import type { OpCommon, OpKindName, OpOf } from '../../lib/model/op.ts'
import type { OpContext } from '../../lib/model/platform.ts'
import { temporaryFolder } from '../support/index.ts'
import { failureOf, secret, startServer, type TestServer, testEngine } from './support/server.ts'

let server: TestServer
const root = temporaryFolder()
const fresh = join(temporaryFolder(), 'service')

const ports: DatabasePorts = {
  engine: async () => ok(await testEngine()),
  dataFolder: async () => fresh,
  administrator: async () => ok({ host: '127.0.0.1', port: server.port, user: adminUser, password: server.password }),
  sourceFolder: () => root,
  environment: 'dev',
}
const handlers = databaseHandlers(ports)
const lines: string[] = []
const context: OpContext = {
  signal: new AbortController().signal,
  run: 'run-1',
  secrets: { find: ({ secret: name }) => (name === 'POSTGRES_PASSWORD' ? secret('password-12345') : undefined) },
  output: (line) => lines.push(line),
}

function op<K extends OpKindName>(kind: K, data: OpOf<K>['data']): OpOf<K> {
  const common: OpCommon = { id: kind, after: [], cause: 'test', changes: true, timeoutMs: 60_000 }
  return { ...common, kind, data } as unknown as OpOf<K>
}

test.before(async () => {
  server = await startServer()
  mkdirSync(join(root, 'migrations'))
  mkdirSync(join(root, 'seeds'))
  writeFileSync(join(root, 'migrations/1_a.sql'), 'create table a (b int primary key)')
  writeFileSync(join(root, 'migrations/2_b.sql'), 'create index concurrently b_idx on a (b)')
  writeFileSync(join(root, 'seeds/1.sql'), 'insert into a values (1)')
})
test.after(() => server?.dispose())

test('create-data makes the cluster once', async () => {
  const create = op('create-data', { service: 'postgres', engine: 'postgres', version: 17, prefer: 'embedded' })
  const handler = handlers['create-data']
  assert.is(await handler.check(create, context), 'pending')
  assert.match(unwrap(await handler.run(create, context)).message ?? '', 'PostgreSQL 17')
  assert.is(await handler.check(create, context), 'done')
  assert.is(unwrap(await handler.run(create, context)).message, 'already there')
})

test('ensure-database, apply-migrations and apply-seeds: pending, run, done; everything belongs to the owner', async () => {
  const ensure = op('ensure-database', {
    service: 'postgres',
    name: 'stats',
    user: 'stats owner',
    password: { secret: 'POSTGRES_PASSWORD', digest: 'x' },
  })
  assert.is(await handlers['ensure-database'].check(ensure, context), 'pending')
  unwrap(await handlers['ensure-database'].run(ensure, context))
  assert.is(await handlers['ensure-database'].check(ensure, context), 'done')

  const files = unwrap(await readMigrations(root, 'migrations'))
  const source = { kind: 'release' as const, release: 3 }
  const migrate = op('apply-migrations', { service: 'postgres', database: 'stats', source, files, pending: null })
  assert.is(await handlers['apply-migrations'].check(migrate, context), 'pending')
  assert.equal(unwrap(await handlers['apply-migrations'].run(migrate, context)).value, ['1', '2'])
  assert.is(await handlers['apply-migrations'].check(migrate, context), 'done')
  assert.is(unwrap(await handlers['apply-migrations'].run(migrate, context)).message, 'nothing was pending')

  const seedFiles = unwrap(await readSeeds(root, 'seeds'))
  const seeds = op('apply-seeds', {
    service: 'postgres',
    database: 'stats',
    source,
    files: seedFiles,
    pending: ['1.sql'],
  })
  assert.is(await handlers['apply-seeds'].check(seeds, context), 'pending')
  assert.equal(unwrap(await handlers['apply-seeds'].run(seeds, context)).value, ['1.sql'])
  assert.is(await handlers['apply-seeds'].check(seeds, context), 'done')

  const owners = await server.query(
    `select distinct relowner::regrole::text as owner from pg_class c join pg_namespace n on n.oid = relnamespace
     where nspname in ('public', 'vital_ops')`,
    [],
    'stats',
  )
  assert.equal(owners, [{ owner: '"stats owner"' }])
  const [row] = await server.query('select release from vital_ops.migrations where version = $1', ['1'], 'stats')
  assert.is(row?.release, 3)
})

test('what the plan does not name is not applied', async () => {
  writeFileSync(join(root, 'migrations/3_c.sql'), 'create table c (b int)')
  const files = unwrap(await readMigrations(root, 'migrations'))
  const migrate = op('apply-migrations', {
    service: 'postgres',
    database: 'stats',
    source: { kind: 'working-tree' },
    files,
    pending: [],
  })
  const failure: Failure = failureOf(await handlers['apply-migrations'].run(migrate, context))
  assert.equal([failure.code, failure.outcome], ['changed-meanwhile', 'unchanged'])
  assert.match(failure.why ?? '', '3 would run too')
  assert.equal(await server.query("select 1 from pg_class where relname = 'c'", [], 'stats'), [])
})

test('a breaking migration that the plan could not see is refused on a database with a history', async () => {
  writeFileSync(join(root, 'migrations/4_d.sql'), 'create table d (b int)')
  writeFileSync(join(root, 'migrations/5_e.sql'), 'alter table a drop column b')
  const files = unwrap(await readMigrations(root, 'migrations'))
  assert.is(files.at(-1)?.effect, 'breaking')
  const unseen = { service: 'postgres', source: { kind: 'working-tree' as const }, files, pending: null }
  const migrate = op('apply-migrations', { ...unseen, database: 'stats' })
  const failure: Failure = failureOf(await handlers['apply-migrations'].run(migrate, context))
  assert.equal([failure.code, failure.outcome], ['breaking-migration-unknown', 'unchanged'])
  assert.equal(failure.next, ['task migrate up dev'])
  assert.equal(await server.query("select 1 from pg_class where relname in ('c', 'd')", [], 'stats'), [])

  const data = { service: 'postgres', name: 'young', user: 'young' }
  const password = { secret: 'POSTGRES_PASSWORD', digest: 'x' }
  unwrap(await handlers['ensure-database'].run(op('ensure-database', { ...data, password }), context))
  unwrap(await handlers['apply-migrations'].run(op('apply-migrations', { ...unseen, database: 'young' }), context))
})

test('a missing secret and a server that does not answer', async () => {
  const data = { service: 'postgres', name: 'x', user: 'x', password: { secret: 'OTHER', digest: 'x' } }
  const ensure = op('ensure-database', data)
  assert.is(failureOf(await handlers['ensure-database'].run(ensure, context)).code, 'secret-missing')
  assert.is(await handlers['ensure-database'].check(ensure, context), 'unknown')
  const down = databaseHandlers({
    ...ports,
    administrator: async () => ok({ host: '127.0.0.1', port: 1, user: adminUser, password: server.password }),
  })
  const password = { secret: 'POSTGRES_PASSWORD', digest: 'x' }
  const known = op('ensure-database', { ...data, password })
  assert.is(await down['ensure-database'].check(known, context), 'unknown')
  assert.is(failureOf(await down['ensure-database'].run(known, context)).code, 'database-unreachable')
})

test.run()

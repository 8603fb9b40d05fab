import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../../lib/database/connect.ts'
import { findEnginePackage } from '../../../lib/database/engine/package.ts'
import type { Desired, DesiredService, RunSpec } from '../../../lib/model/desired.ts'
import { ok, unwrap } from '../../../lib/model/failure.ts'
import type { Snapshot } from '../../../lib/model/snapshot.ts'
import { connectSupervisor } from '../../../lib/platform/local/client.ts'
import { opsFolder } from '../../../lib/platform/local/paths.ts'
import { freePort, processesWith, repository, skip, temporaryFolder, until } from '../../support/index.ts'
import { type Bench, bench, reference, spec, startData } from './ops.ts'
import { endWorkspaces, gone, lives, workspace } from './support.ts'

const password = 'the-password-of-stats'

test.before(async () => {
  const found = await findEnginePackage(repository, 17)
  if (!found.ok) skip(`no embedded PostgreSQL 17: ${found.failures[0].message}`)
})
test.before(() => {
  process.env.OPS_DATA_ROOT = temporaryFolder()
})
test.after.each(endWorkspaces)

/** One cluster for all tests: making one takes seconds. */
const shared = temporaryFolder()

async function engine(): Promise<Bench & { spec: RunSpec; look(): Promise<Snapshot> }> {
  const folder = workspace(shared)
  const port = await freePort()
  const database = { name: 'stats', user: 'stats', password: reference('POSTGRES_PASSWORD') }
  const { command: _, ...rest } = spec({
    service: 'postgres',
    engine: { name: 'postgres', version: 17, prefer: 'embedded' },
    ports: { sql: port },
    restart: 'on-failure',
    graceMs: 10_000,
    database,
  })
  const made = bench(folder, { POSTGRES_PASSWORD: password })
  const service = {
    name: 'postgres',
    category: 'databases',
    dependencies: [],
    spec: rest,
    fingerprint: { engine: 'a' },
    configuration: { local: { requires: ['git', 'no-such-program'] } },
  } as unknown as DesiredService
  const desired = {
    workspace: { name: 'test', id: 'testworkspace', folder },
    environment: 'dev',
    services: [service],
    database: { service: 'postgres', ...database, migrations: [], seeds: [] },
  } as unknown as Desired
  const look = async () => unwrap(await made.platform.observe(desired, { signal: made.context.signal }))
  return { ...made, spec: rest, look }
}

const createData = { service: 'postgres', engine: 'postgres' as const, version: 17, prefer: 'embedded' as const }
const ensureData = { service: 'postgres', name: 'stats', user: 'stats', password: reference('POSTGRES_PASSWORD') }

async function up({ run, spec: of }: Pick<Bench, 'run'> & { spec: RunSpec }): Promise<void> {
  await run('create-data', createData)
  await run('start-service', startData(of, { engine: 'a' }))
  await run('wait-gate', { service: 'postgres', spec: of })
  await run('ensure-database', ensureData)
}

const query = async (of: RunSpec, sql: string) =>
  unwrap(
    await withDatabase(
      {
        host: '127.0.0.1',
        port: of.ports.sql as number,
        database: 'stats',
        user: 'stats',
        password: { reveal: () => password } as never,
        applicationName: 'test',
      },
      async (connection) => ok((await connection.query(sql)).rows as { n: number }[]),
    ),
  )

test('an engine: made, started, ready, looked at, used, stopped', async () => {
  const made = await engine()
  const before = await made.look()
  assert.equal(before.database, { created: false, reachable: false })
  assert.equal(before.services, {})
  assert.ok(before.programs.git)
  assert.is(before.programs['no-such-program'], undefined)
  assert.is(await made.check('create-data', createData), 'pending')
  await up(made)
  assert.is(await made.check('create-data', createData), 'done')
  assert.is(await made.check('ensure-database', ensureData), 'done')
  const after = await made.look()
  assert.equal(after.database, { created: true, reachable: true, ready: true, applied: [], seeded: [] })
  assert.is(after.services.postgres?.status, 'running')
  assert.equal(after.ports, [])
  await query(made.spec, 'create table first (n int); insert into first values (7)')
  await made.run('stop-service', { service: 'postgres', before: { engine: 'a' } })
  assert.equal((await made.look()).database, { created: true, reachable: false })

  await made.run('start-service', startData(made.spec, { engine: 'a' }))
  await made.run('wait-gate', { service: 'postgres', spec: made.spec })
  assert.equal(await query(made.spec, 'select n from first'), [{ n: 7 }])
})

test('an engine is replaced while it runs', async () => {
  const made = await engine()
  await up(made)
  const pid = (await made.look()).services.postgres?.pid as number
  await made.run('start-service', { ...startData(made.spec, { engine: 'b' }), before: { engine: 'a' } })
  await made.run('wait-gate', { service: 'postgres', spec: made.spec })
  assert.not.ok(lives(pid))
  assert.equal(await query(made.spec, 'select 1 as n'), [{ n: 1 }])
})

test('kill -9 of the server, of its supervisor, of both: acknowledged rows are there', async () => {
  const made = await engine()
  await up(made)
  await query(made.spec, 'create table hits (n int)')
  let expected = 0
  for (const victims of ['server', 'supervisor', 'both'] as const) {
    await query(made.spec, 'insert into hits values (1)')
    expected++
    const server = (await made.look()).services.postgres?.pid as number
    const client = unwrap(await connectSupervisor(made.folder))
    const supervisor = client?.record.identity.pid as number
    client?.close()
    if (victims !== 'server') process.kill(supervisor, 'SIGKILL')
    if (victims !== 'supervisor') process.kill(server, 'SIGKILL')
    await gone(server, `the server (${victims})`)
    if (victims === 'server') {
      await until(async () => (await made.look()).services.postgres?.restarts === 1, { what: 'its restart' })
    } else {
      await gone(supervisor, 'the supervisor')
      await made.run('start-service', startData(made.spec, { engine: 'a' }))
    }
    await made.run('wait-gate', { service: 'postgres', spec: made.spec })
    assert.equal(await query(made.spec, 'select count(*)::int as n from hits'), [{ n: expected }], victims)
  }
})

test('a server that no record knows of is ended before its data are used again', async () => {
  const made = await engine()
  await up(made)
  const server = (await made.look()).services.postgres?.pid as number
  const client = unwrap(await connectSupervisor(made.folder))
  const supervisor = client?.record.identity.pid as number
  // The records are gone, and with the watchdog stopped nobody ends what the supervisor leaves.
  process.kill(supervisor, 'SIGSTOP')
  const watchdogs = (await processesWith('vital-ops-watchdog')).filter(({ parent }) => parent === supervisor)
  for (const { pid } of watchdogs) process.kill(pid, 'SIGKILL')
  process.kill(supervisor, 'SIGKILL')
  rmSync(join(opsFolder(made.folder), 'supervisor'), { recursive: true })
  assert.ok(lives(server))
  const other = { ...made.spec, ports: { sql: await freePort() } }
  await made.run('start-service', startData(other, { engine: 'a' }))
  assert.not.ok(lives(server))
  assert.ok(
    made.lines.some((line) =>
      line.includes(`a server that no supervisor knows works on the data of postgres (pid ${server})`),
    ),
  )
  await made.run('wait-gate', { service: 'postgres', spec: other })
})

test('the sessions of a dead run are ended', async () => {
  const made = await engine()
  await up(made)
  const address = {
    host: '127.0.0.1',
    port: made.spec.ports.sql as number,
    database: 'stats',
    user: 'stats',
    password: { reveal: () => password } as never,
    applicationName: 'vital-ops/dead-run',
  }
  const hanging = withDatabase(address, async (connection) => ok(await connection.query('select pg_sleep(1000)')))
  await until(
    async () => {
      const [row] = await query(
        made.spec,
        "select count(*)::int as n from pg_stat_activity where query like 'select pg_sleep%'",
      )
      return row?.n === 1
    },
    { what: 'the session' },
  )
  const holder = { run: 'dead-run', user: 'me', host: 'here', pid: 1, purpose: 'migrate', since: '' }
  await made.platform.endLeftovers(holder, made.context.signal)
  const ended = await hanging
  assert.is(!ended.ok && ended.failures[0].code, 'database-connection-lost')
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { timeLimit, until } from '../support/index.ts'
import { type Bench, codeOf, makeBench } from './support.ts'

timeLimit(240_000)
let server: TestServer
let bench: Bench
let database: string

test.before(async () => {
  server = await startServer(await testEngine())
  database = await server.database()
  await server.query(
    `create table a (n int primary key, t text); insert into a select i, md5(i::text) from generate_series(1, 20000) i;
     create table enums (m text); create type mood as enum ('sad', 'ok'); alter table enums add column mood mood default 'ok';
     insert into enums select 'x' from generate_series(1, 100); create sequence s; select nextval('s');
     select lo_from_bytea(0, 'large'); create role somebody; alter table enums owner to somebody`,
    [],
    database,
  )
  bench = await makeBench(server, database, 'physical')
})
test.after(() => server?.dispose())

const none = async () => assert.equal((await readCatalogue([folderTarget(bench.target)], bench.ports)).entries, [])
const idle = () =>
  until(async () => (await server.query('select 1 from pg_replication_slots')).length === 0, {
    what: 'the slot to be gone',
    deadline: 20_000,
  })

test('interrupted, or its session ended: no backup, no slot, the server is not left in backup mode', async () => {
  const abort = new AbortController()
  const stopped = codeOf(() => bench.take({ signal: abort.signal })).catch((error: Error) => error.name)
  await until(async () => (await server.query('select 1 from pg_replication_slots')).length > 0, {
    what: 'the backup to begin',
    deadline: 20_000,
  })
  abort.abort()
  assert.ok(['aborted', 'AbortError'].includes((await stopped) ?? ''))
  await idle()
  await none()
})

test('what is there comes back on another server, with roles, sequences, large objects; also while others write', async () => {
  const quiet = await bench.take()
  const report = await bench.drill(quiet.manifest.number)
  assert.equal(report.differences, [])
  assert.equal([report.compared.tables, report.compared.rows, report.compared['large objects']], [2, 20_100, 1])
  let writing = true
  const writer = server.connect(async (connection) => {
    for (let n = 30_000; writing; n++)
      await connection.query(`insert into a values (${n}, 'busy'); select nextval('s')`)
  }, database)
  const { manifest } = await bench.take()
  writing = false
  await writer
  assert.equal((await bench.drill(manifest.number)).differences, [])
  await idle()
})

test('tablespaces are refused, with what to do instead', async () => {
  const { temporaryFolder } = await import('../support/index.ts')
  const { chown, chmod } = await import('node:fs/promises')
  const folder = temporaryFolder()
  await chmod(folder, 0o700)
  if (server.engine.user) await chown(folder, server.engine.user.uid, server.engine.user.gid)
  await server.query(`create tablespace elsewhere location '${folder}'`)
  assert.is(await codeOf(() => bench.take()), 'has-tablespaces')
  await server.query('drop tablespace elsewhere')
})

test.run()

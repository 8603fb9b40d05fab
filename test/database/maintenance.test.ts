import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { maintainTable, pruneRows, readMaintenance } from '../../lib/database/maintenance.ts'
import { unwrap } from '../../lib/model/failure.ts'
import { timeLimit, until } from '../support/index.ts'
import { failureOf, startServer, type TestServer } from './support/server.ts'

timeLimit(120_000)

let server: TestServer
test.before(async () => {
  server = await startServer()
  // What is found here must not be mended by somebody else meanwhile.
  await server.query('alter system set autovacuum = off')
  await server.query('select pg_reload_conf()')
})
test.after(() => server?.dispose())

test('dead rows, changed rows and bloated indexes are seen, mended, and not seen any more', async () => {
  const database = await server.database()
  const statements = [
    'create table "Odd name" (id int primary key, filler text)',
    'insert into "Odd name" select n, repeat(\'x\', 40) from generate_series(1, 900000) n',
    'create table small (id int)',
    'insert into small select generate_series(1, 5000)',
    'vacuum analyze "Odd name"',
    'delete from "Odd name" where id % 20 <> 0',
  ]
  for (const sql of statements) await server.query(sql, [], database)
  const look = () => server.connect((connection) => readMaintenance(connection, []), database)
  const figures = await until(
    async () => {
      const found = unwrap(await look())
      const dead = found.tables.find(({ table }) => table === '"Odd name"')?.dead ?? 0
      return dead > 800_000 && found.tables.some(({ table, live }) => table === 'small' && live === 5000)
        ? found
        : undefined
    },
    { deadline: 30_000, what: 'the statistics' },
  )
  const small = figures?.tables.find(({ table }) => table === 'small')
  assert.equal([small?.live, small?.changed, small?.analysed], [5000, 5000, false])
  const act = (action: 'vacuum analyze' | 'reindex', target: string) =>
    server.connect((connection) => maintainTable(connection, { action, target }), database)
  await act('vacuum analyze', '"Odd name"')
  const bloated = unwrap(await look()).indexes
  assert.equal(
    bloated.map(({ index, invalid }) => [index, invalid]),
    [['"Odd name_pkey"', false]],
  )
  assert.ok((bloated[0]?.emptyPercent ?? 0) > 80)
  const said = await act('reindex', '"Odd name_pkey"')
  assert.match(said, /^\d+ (MB|kB) before, \d+ kB now$/)
  // Its size is in the catalogue after the next ANALYZE only.
  await act('vacuum analyze', '"Odd name"')
  assert.equal(unwrap(await look()).indexes, [])
})

test('a rebuild that is broken off leaves no second index, and an invalid one is found', async () => {
  const database = await server.database()
  await server.query('create table twice (id int)', [], database)
  await server.query('insert into twice values (1), (1)', [], database)
  await server.query('create unique index concurrently twice_id on twice (id)', [], database).catch(() => {})
  const look = async () =>
    unwrap(await server.connect((connection) => readMaintenance(connection, []), database)).indexes
  assert.equal(
    (await look()).map(({ index, invalid }) => [index, invalid]),
    [['twice_id', true]],
  )
  let refused = ''
  await server
    .connect((connection) => maintainTable(connection, { action: 'reindex', target: 'twice_id' }), database)
    .catch((error: Error) => {
      refused = error.message
    })
  assert.match(refused, /could not create unique index/)
  assert.equal(
    (await look()).map(({ index }) => index),
    ['twice_id'],
  )
  // As a kill leaves it: with the name that the server gives to the new one.
  await server.query('create unique index concurrently twice_id_ccnew on twice (id)', [], database).catch(() => {})
  assert.equal(
    (await look()).map(({ index, leftover }) => [index, leftover]),
    [
      ['twice_id', false],
      ['twice_id_ccnew', true],
    ],
  )
  const drop = (target: string) =>
    server.connect((connection) => maintainTable(connection, { action: 'drop index', target }), database)
  assert.is(await drop('twice_id_ccnew'), 'dropped')
  await server.query('create index fine on twice (id)', [], database)
  assert.match(await drop('fine'), /stays/)
  assert.equal(
    (await look()).map(({ index }) => index),
    ['twice_id'],
  )
})

test('rows older than the policy are counted and deleted in portions, also in partitions', async () => {
  const database = await server.database()
  const statements = [
    'create table events (at timestamptz, n int) partition by range (n)',
    'create table events_a partition of events for values from (0) to (20000)',
    'create table events_b partition of events for values from (20000) to (50000)',
    "insert into events select now() - n * interval '1 minute', n from generate_series(0, 39999) n",
  ]
  for (const sql of statements) await server.query(sql, [], database)
  const policy = { table: 'events', column: 'at', keep: '10d', keepMs: 10 * 86_400_000 }
  const read = (given: typeof policy) => server.connect((connection) => readMaintenance(connection, [given]), database)
  const found = unwrap(await read(policy)).prune[0]
  assert.ok(found && found.rows >= 25_599 && found.rows <= 25_602, JSON.stringify(found))
  const steps: number[] = []
  const deleted = await server.connect(
    (connection) => pruneRows(connection, policy, (count) => steps.push(count)),
    database,
  )
  assert.ok(deleted >= found.rows)
  assert.equal(steps, [10_000, 20_000])
  assert.equal(unwrap(await read(policy)).prune[0]?.rows, 0)
  for (const wrong of [{ table: 'nothing' }, { column: 'nothing' }, { column: 'n' }]) {
    assert.is(failureOf(await read({ ...policy, ...wrong })).code, 'prune-table-unknown')
  }
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Connection } from '../../../lib/database/connect.ts'
import type { Engine } from '../../../lib/database/engine/postgres.ts'
import { builtInQueries } from '../../../lib/database/queries/built-in/index.ts'
import { findQuery, readQueries } from '../../../lib/database/queries/catalogue.ts'
import { jsonRows } from '../../../lib/database/queries/format.ts'
import { runQuery } from '../../../lib/database/queries/run.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { temporaryFolder, until } from '../../support/index.ts'
import { startServer, type TestServer } from './server.ts'

/** Each diagnostic that comes with the product, on a server in a state that it has to show. */
export function diagnosticsSuite(engine: () => Promise<Engine | undefined>): void {
  let server: TestServer
  test.before(async () => {
    server = await startServer(await engine())
  })
  test.after(() => server?.dispose())

  const ask = async (name: string, database: string, given: Record<string, string> = {}) => {
    const query = unwrap(findQuery(unwrap(await readQueries(temporaryFolder())), name))
    assert.is(query.readOnly, true)
    const defaults = query.parameters.map((one) => [one.name, one.default ?? null] as const)
    const values = { ...Object.fromEntries(defaults), ...given }
    const options = { values, timeoutMs: 20_000, maxRows: 1000 }
    return jsonRows(unwrap(await server.connect((connection) => runQuery(connection, query, options), database)))
  }

  /** Uses a second session while `meanwhile` looks at it. */
  const beside = <T>(database: string, name: string, use: (session: Connection) => Promise<T>) =>
    server.connect(use, database, name)

  test('all have a description, and run on an empty database', async () => {
    const database = await server.database()
    for (const name of Object.keys(builtInQueries)) {
      const query = unwrap(findQuery(unwrap(await readQueries(temporaryFolder())), name))
      assert.ok(query.description.length > 20, name)
      assert.ok(Array.isArray(await ask(name, database)), name)
    }
  })

  test('locks: who waits, for what, and who holds it', async () => {
    const database = await server.database()
    await server.query('create table accounts (id int primary key, balance int)', [], database)
    await server.query('insert into accounts values (1, 10)', [], database)
    await beside(database, 'holder', async (holder) => {
      await holder.query('begin; update accounts set balance = 11 where id = 1')
      const waiting = beside(database, 'waiter', async (waiter) => {
        await waiter.query("set lock_timeout = '60s'")
        await waiter.query('update accounts set balance = 12 where id = 1')
      })
      const rows = await until(
        async () => {
          const found = await ask('locks', database)
          return found.length > 0 ? found : undefined
        },
        { deadline: 30_000, what: 'the waiting session' },
      )
      assert.is(rows?.length, 1)
      assert.is(rows?.[0]?.application, 'waiter')
      assert.match(String(rows?.[0]?.query), 'set balance = 12')
      assert.match(String(rows?.[0]?.holder_query), 'set balance = 11')
      assert.is(rows?.[0]?.holder_state, 'idle in transaction')
      assert.equal(await ask('locks', database, { seconds: '3600' }), [])
      const long = await ask('long-transactions', database, { seconds: '0' })
      assert.ok(long.some((row) => row.application === 'waiter' && row.blocked_by !== null))
      assert.ok(long.some((row) => row.application === 'holder' && row.state === 'idle in transaction'))
      assert.equal(await ask('long-transactions', database, { seconds: '3600' }), [])
      await holder.query('commit')
      await waiting
    })
    assert.equal(await ask('locks', database), [])
  })

  test('connections: sessions by application and state, and the share of the limit', async () => {
    const database = await server.database()
    await beside(database, 'pool', async (session) => {
      await session.query('select 1')
      const rows = await ask('connections', database)
      assert.is(rows[0]?.user, 'all')
      assert.is(rows[0]?.limit, 97)
      assert.is(rows.find((row) => row.application === 'pool')?.connections, 1)
      assert.is(rows.find((row) => row.application === 'pool')?.state, 'idle')
      assert.is(
        rows[0]?.connections,
        rows.slice(1).reduce((sum, row) => sum + Number(row.connections), 0),
      )
    })
  })

  test('bloat: a table and its index after most rows are gone, and not one that is full', async () => {
    const database = await server.database()
    const statements = [
      'create table hollow (id int primary key, note text)',
      'create table full_ (id int primary key, note text)',
      "insert into hollow select n, repeat('x', 100) from generate_series(1, 40000) n",
      "insert into full_ select n, repeat('x', 100) from generate_series(1, 40000) n",
      'delete from hollow where id % 10 <> 0',
    ]
    for (const sql of statements) await server.query(sql, [], database)
    for (const table of ['hollow', 'full_']) await server.query(`vacuum analyze ${table}`, [], database)
    const rows = await ask('bloat', database, { megabytes: '0.1' })
    const table = rows.find((row) => row.name === 'hollow')
    assert.ok(Number(table?.empty_percent) > 80 && Number(table?.empty_percent) < 95, JSON.stringify(rows))
    assert.ok(Number(rows.find((row) => row.name === 'hollow_pkey')?.empty_percent) > 60, JSON.stringify(rows))
    assert.not.ok(rows.some((row) => String(row.name).startsWith('full_')))
  })

  test('unused and missing indexes, invalid ones', async () => {
    const database = await server.database()
    const statements = [
      'create table customers (id int primary key, email text unique)',
      'create table orders (id int primary key, customer int not null references customers, placed date, code int)',
      'create table lines (id int primary key, "order" int not null references orders)',
      'create index lines_order on lines ("order", id)',
      'create index orders_placed on orders (placed)',
      'insert into customers select n, n::text from generate_series(1, 100) n',
      "insert into orders select n, 1 + n % 100, date '2026-01-01' + n % 300, n % 7 from generate_series(1, 12000) n",
      'insert into lines select n, n from generate_series(1, 12000) n',
      'create table events (id int, code int)',
      'insert into events select n, n % 7 from generate_series(1, 11000) n',
      'analyze',
    ]
    for (const sql of statements) await server.query(sql, [], database)
    await server.connect(async (session) => {
      for (let count = 0; count < 60; count += 1) await session.query('select count(*) from events where code = 3')
    }, database)
    const missing = await until(
      async () => {
        const found = await ask('missing-indexes', database)
        return found.some((row) => row.reason === 'full reads') ? found : undefined
      },
      { deadline: 30_000, what: 'the statistics' },
    )
    assert.equal(
      missing?.map(({ reason, table, columns }) => [reason, table, columns]),
      [
        ['foreign key', 'orders', 'customer'],
        ['full reads', 'events', null],
      ],
    )
    // Nothing of a constraint, and not what the foreign key's own checks may have used.
    const unused = (await ask('unused-indexes', database)).map(({ index }) => index)
    assert.ok(unused.includes('orders_placed'), String(unused))
    assert.not.ok(unused.some((name) => /pkey|email/.test(String(name))))
    await server.query('create unique index concurrently orders_code on orders (code)', [], database).catch(() => {})
    assert.equal(
      (await ask('invalid-indexes', database)).map(({ index }) => index),
      ['orders_code'],
    )
  })

  test('cache hit rate and table sizes', async () => {
    const database = await server.database()
    await server.query('create table wide (id int primary key, note text)', [], database)
    await server.query("insert into wide select n, repeat('y', 500) from generate_series(1, 5000) n", [], database)
    await server.query('create table narrow (id int)', [], database)
    const sizes = await ask('table-sizes', database)
    assert.equal(
      sizes.map(({ table }) => table),
      ['wide', 'narrow'],
    )
    assert.match(String(sizes[0]?.data), /MB|kB/)
    const rates = await until(
      async () => {
        await server.query('select count(*) from wide', [], database)
        const found = await ask('cache-hit-rate', database)
        return found.some(({ name }) => name === 'wide') ? found : undefined
      },
      { deadline: 30_000, what: 'the statistics' },
    )
    assert.is(rates?.[0]?.name, `all of ${database}`)
    const wide = rates?.find(({ name }) => name === 'wide')
    assert.ok(Number(wide?.hits) > 300 && Number(wide?.hit_percent) > 50, JSON.stringify(wide))
  })

  test('sequences: nearly used up, also where only the column is too narrow', async () => {
    const database = await server.database()
    await server.query('create table narrow (id int primary key)', [], database)
    await server.query('create sequence wide_ids owned by narrow.id', [], database)
    await server.query('create table fresh (id bigint generated always as identity)', [], database)
    await server.query("select setval('wide_ids', 2040109465)", [], database)
    const rows = await ask('sequences', database)
    assert.is(rows[0]?.sequence, 'wide_ids')
    assert.is(rows[0]?.used_percent, '95.00')
    assert.is(rows[0]?.limit, 2147483647)
    assert.match(String(rows[0]?.note), 'the column ends before')
    assert.equal((await ask('sequences', database, { percent: '50' })).length, 1)
    assert.is(rows.find((row) => row.sequence === 'fresh_id_seq')?.used_percent, '0.00')
  })

  test('replication lag: a slot that nobody reads keeps WAL', async () => {
    const database = await server.database()
    await server.query("select pg_create_physical_replication_slot('standby', true)", [], database)
    await server.query("create table bulk as select repeat('z', 1000) from generate_series(1, 5000)", [], database)
    const rows = await ask('replication-lag', database)
    await server.query("select pg_drop_replication_slot('standby')", [], database)
    assert.equal(
      rows.map(({ kind, name, state }) => [kind, name, state]),
      [['physical slot', 'standby', 'inactive']],
    )
    assert.ok(Number(rows[0]?.behind_bytes) > 1_000_000, JSON.stringify(rows))
    assert.match(String(rows[0]?.note), 'WAL reserved')
  })
}

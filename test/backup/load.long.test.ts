import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadData } from '../../lib/backup/restore/load.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { note, timeLimit } from '../support/index.ts'
import { everyKind } from './every-kind.ts'
import { codeOf, makeBench } from './support.ts'

timeLimit(120_000)
let server: TestServer
let database: string
test.before(async () => {
  server = await startServer(await testEngine(15, 'system'))
  database = await server.database()
  await server.query('create table big (id int, t text); create table bad (id int); create sequence s', [], database)
})
test.after(() => server?.dispose())

const count = 60_000
const row = (id: number) => `${id}\t${'x'.repeat(60)}\\n${id}\n`

/** A script as pg_restore writes it, in pieces of an odd size. */
async function* script(bad = ''): AsyncGenerator<Uint8Array> {
  yield Buffer.from("\\restrict abc\n\nSET client_encoding = 'UTF8';\n\nCOPY public.big (id, t) FROM stdin;\n")
  for (let at = 0; at < count; at += 500)
    yield Buffer.from(Array.from({ length: 500 }, (_, index) => row(at + index)).join(''))
  yield Buffer.from(`\\.\n\n\nCOPY public.bad (id) FROM stdin;\n1\n${bad}\\.\n\n`)
  yield Buffer.from("\nSELECT pg_catalog.setval('public.s', 42, true);\n\n\\unrestrict abc\n")
}
const address = () => ({
  host: '127.0.0.1',
  port: server.port,
  user: 'postgres',
  password: server.password,
  database,
  applicationName: 'test',
})
const rows = (sql: string) => server.query(sql, [], database)

test('two connections share the rows of one table, and each row is there once', async () => {
  await loadData(script(), address(), 2)
  const [found] = await rows(
    `select count(*)::int as rows, count(distinct id)::int as different, count(distinct xmin::text)::int as loads,
       count(*) filter (where t <> repeat('x', 60) || E'\\n' || id)::int as other from big`,
  )
  assert.equal(found, { rows: count, different: count, loads: 2, other: 0 })
  assert.equal(await rows('select last_value::int as last, (select count(*)::int from bad) as rows from s'), [
    { last: 42, rows: 1 },
  ])
  note(`${count} rows by ${found?.loads} connections`)
})

test('a row that the server refuses, a script that breaks off, a session that is ended: all fail, and nothing hangs', async () => {
  assert.is(await codeOf(() => loadData(script('no number\n'), address(), 2)), 'database-error')
  const cut = async function* () {
    for await (const chunk of script()) {
      yield chunk
      if (chunk.length > 10_000) throw new Error('it broke off')
    }
  }
  await loadData(cut(), address(), 2).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, 'it broke off'),
  )
  const ended = async function* () {
    for await (const chunk of script()) {
      yield chunk
      await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where query like 'COPY public.big%'`)
    }
  }
  assert.ok(await codeOf(() => loadData(ended(), address(), 2)))
})

test('a database with every kind of object but large ones is restored by it, and is the same', async () => {
  const source = await server.database()
  await server.query(everyKind, [], source)
  await server.query(
    `select lo_unlink(oid) from pg_largeobject_metadata;
     drop materialized view app.counted; drop materialized view app.empty_yet;
     insert into app.plain (mood, size, note) select 'sad', 1 + i % 900, repeat(E'a\\\\.\\n\\t', i % 50) from generate_series(1, 20000) i`,
    [],
    source,
  )
  const bench = await makeBench(server, source, 'logical')
  const { manifest } = await bench.take()
  const { differences, compared } = await bench.drill(manifest.number)
  assert.equal([differences, compared['large objects']], [[], 0])
  assert.ok((compared.tables ?? 0) >= 10 && (compared.rows ?? 0) > 22_000, JSON.stringify(compared))
  // What was written down is compared with what came, not with itself.
  await server.query(`update app.plain set note = 'other' where id = 77`, [], source)
  const { writeMixed } = await import('./mixed.ts')
  const mixed = await writeMixed(bench, { contents: manifest.number, rest: (await bench.take()).manifest.number })
  assert.match(
    (await bench.drill(mixed)).differences.join('\n'),
    /table app\.plain has its 22000 rows, and not the same/,
  )
})

test.run()

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exportTables, readManifest } from '../../../lib/database/transfer/export.ts'
import { exportId, importedTables, importTables } from '../../../lib/database/transfer/import.ts'
import { Progress } from '../../../lib/database/transfer/progress.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { temporaryFolder, timeLimit } from '../../support/index.ts'
import { failureOf, startServer, type TestServer } from '../support/server.ts'

timeLimit(120_000)

let server: TestServer
test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

/** Two tables that refer to each other, one that refers to itself, a generated column, an identity, and values that are hard to write. */
const schema = [
  'create table zebras (id int generated always as identity primary key, name text, herd int)',
  'create table herds (id serial primary key, leader int references zebras, notes jsonb, raw bytea, size numeric, twice numeric generated always as (size * 2) stored)',
  'alter table zebras add foreign key (herd) references herds',
  'create table ants (id int primary key, mother int references ants, zebra int references zebras)',
]
const rows = [
  `insert into herds (leader, notes, raw, size) values (null, '{"a\\\\b": "c\\"d\\n"}', '\\x00ff', 1.50), (null, null, null, null)`,
  `insert into zebras (name, herd) select case n % 4 when 0 then null when 1 then '' when 2 then e'tab\\there, "quotes"\\nnew \\\\N' else 'ünï ' || n end, 1 + n % 2 from generate_series(1, 3000) n`,
  'update herds set leader = id',
  'insert into ants select n, nullif(n - 1, 0), n from generate_series(1, 50) n',
]

async function made(...statements: string[]): Promise<string> {
  const database = await server.database()
  for (const sql of statements) await server.query(sql, [], database)
  return database
}

const content = (database: string) =>
  server.query(
    `select (select md5(string_agg(z::text, ';' order by id)) from zebras z) as zebras,
       (select md5(string_agg(h::text, ';' order by id)) from herds h) as herds,
       (select md5(string_agg(a::text, ';' order by id)) from ants a) as ants`,
    [],
    database,
  )

const exporting = (database: string, folder: string, format: 'csv' | 'jsonl', tables: string[] = []) =>
  server.connect((connection) => exportTables(connection, { folder, format, tables, progress: () => {} }), database)

async function importing(database: string, folder: string, replace = false) {
  const manifest = unwrap(await readManifest(folder))
  if (!manifest) throw new Error('there is no manifest')
  const { tables, format } = manifest
  if (format === 'parquet') throw new Error('parquet is not taken in')
  const id = exportId(manifest)
  return server.connect(async (connection) => {
    const done = await importedTables(connection, id)
    const parts = replace ? tables : tables.filter(({ table }) => !done.includes(table))
    return importTables(connection, { folder, id, format, parts, replace, progress: () => {} })
  }, database)
}

for (const format of ['csv', 'jsonl'] as const) {
  test(`${format}: out and in again, all is the same; sequences go on behind it; again, nothing comes twice`, async () => {
    const from = await made(...schema, ...rows)
    const to = await made(...schema)
    const folder = join(temporaryFolder(), 'out')
    const manifest = unwrap(await exporting(from, folder, format))
    assert.equal(
      manifest.tables.map(({ rows: count }) => count).sort((a, b) => a - b),
      [2, 50, 3000],
    )
    assert.is(unwrap(await importing(to, folder)), 3052)
    assert.equal(await content(to), await content(from))
    assert.equal(await server.query('insert into zebras default values returning id', [], to), [{ id: 3001 }])
    assert.is(unwrap(await importing(to, folder)), 0)
    assert.is(unwrap(await importing(to, folder, true)), 3052)
    assert.equal(await content(to), await content(from))
    const deferrable = await server.query(
      'select condeferrable as d from pg_constraint where contype = $1 group by 1',
      ['f'],
      to,
    )
    assert.equal(deferrable, [{ d: false }])
  })
}

test('an export that was broken off goes on, and a folder of another one is not touched', async () => {
  const from = await made(...schema, ...rows)
  const folder = join(temporaryFolder(), 'out')
  unwrap(await exporting(from, folder, 'csv'))
  const file = join(folder, 'export.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...manifest, tables: manifest.tables.slice(0, 1), complete: false }))
  const again = unwrap(await exporting(from, folder, 'csv'))
  assert.equal([again.resumed, again.complete, again.tables.length], [1, true, 3])
  assert.is(failureOf(await exporting(from, folder, 'csv')).code, 'export-other')
  assert.equal(failureOf(await exporting(from, join(folder, 'x'), 'csv', ['zebra'])).nearest, 'zebras')
})

test('a file that was changed does not come in, and nothing of it stays', async () => {
  const from = await made('create table secrets (id int primary key)', 'insert into secrets values (1), (2)')
  const to = await made('create table secrets (id int primary key)')
  const folder = join(temporaryFolder(), 'out')
  unwrap(await exporting(from, folder, 'csv'))
  await writeFile(join(folder, 'public.secrets.csv'), 'id\n1\n3\n')
  await assertRejects(() => importing(to, folder).then(unwrap), /not as it was exported/)
  assert.equal(await server.query('select * from secrets', [], to), [])
})

const assertRejects = async (work: () => Promise<unknown>, what: RegExp) => {
  const message = await work().then(
    () => 'nothing was refused',
    (error: Error) => error.message,
  )
  assert.match(message, what)
}

test('queries beside tables, a row group at a time as Parquet, which its reader reads as it was', async () => {
  const from = await made(
    'create table readings (id int8 primary key, at timestamptz, day date, local timestamp, level float8, exact numeric, fine boolean, note text, more jsonb)',
    `insert into readings select n, '2026-01-01 00:00:00.123456+00'::timestamptz + n * interval '1 hour', date '1969-12-31' + n, '2026-01-01 10:00',
       case when n = 3 then 'Infinity'::float8 else n / 4.0 end, 12345678901234567890.5, n % 2 = 0, nullif(e'tab\\t"ü" ' || n, e'tab\\t"ü" 2'), '{"a": 1}'
     from generate_series(1, 60000) n`,
  )
  const folder = join(temporaryFolder(), 'out')
  const queries = [
    {
      name: 'daily',
      sql: "select day, count(*) as n from readings where note like 'x%' or id < 3 group by day order by day -- the end",
    },
  ]
  const exported = (format: 'parquet' | 'csv', to: string, tables: string[], asked = queries) =>
    server.connect(
      (connection) => exportTables(connection, { folder: to, format, tables, queries: asked, progress: () => {} }),
      from,
    )
  const manifest = unwrap(await exported('parquet', folder, ['readings']))
  assert.equal([manifest.tables[0]?.rows, manifest.queries[0]?.rows], [60_000, 2])
  const { parquetReadObjects, asyncBufferFromFile } = await import('hyparquet')
  const read = async (file: string, rowEnd: number) =>
    parquetReadObjects({ file: await asyncBufferFromFile(join(folder, file)), rowEnd })
  const [first, second, third] = await read('public.readings.parquet', 3)
  assert.is(first?.id, 1n)
  const { at, day } = first as { at: Date; day: Date }
  assert.equal([at.toISOString(), day.toISOString().slice(0, 10)], ['2026-01-01T01:00:00.123Z', '1970-01-01'])
  assert.equal(
    [first?.exact, first?.fine, first?.note, second?.note, third?.level],
    ['12345678901234567890.5', false, 'tab\t"ü" 1', null, Number.POSITIVE_INFINITY],
  )
  assert.equal(
    (await read('daily.parquet', 5)).map(({ n }) => n),
    [1n, 1n],
  )
  const only = unwrap(await exported('csv', `${folder}-csv`, []))
  assert.equal(
    [only.tables.length, await readFile(join(`${folder}-csv`, 'daily.csv'), 'utf8')],
    [0, 'day,n\n1970-01-01,1\n1970-01-02,1\n'],
  )
  const twice = [{ name: 'twice', sql: 'select 1 as a, 2 as a' }]
  await assertRejects(() => exported('csv', `${folder}-2`, [], twice), /two columns that are called a/)
  await server.query("update readings set at = 'infinity' where id = 7", [], from)
  await assertRejects(() => exported('parquet', `${folder}-3`, ['readings']), /no word for "infinity" of the column at/)
})

test('a table that takes over a second says how far it is, once a second', () => {
  let now = 5000
  const lines: string[] = []
  const progress = new Progress(
    'public.big',
    (line) => lines.push(line),
    () => now,
  )
  for (let step = 1; step <= 30; step += 1) {
    now += 100
    progress.tell({ rows: step * 10, bytes: step * 1_048_576 })
  }
  now += 1000
  progress.tell({ bytes: 1_048_576, all: 4 * 1_048_576 })
  assert.equal(lines, [
    'public.big: 100 rows, 10.0 MB so far',
    'public.big: 200 rows, 20.0 MB so far',
    'public.big: 300 rows, 30.0 MB so far',
    'public.big: 1.0 of 4.0 MB so far',
  ])
})

test('row security keeps nobody from noticing', async () => {
  const from = await made(
    'create table held (id int primary key, owner text)',
    "insert into held values (1, 'a'), (2, 'b')",
    'alter table held enable row level security',
    "create policy own on held using (owner = 'a')",
    'create role reader_of_held',
    'grant select on held to reader_of_held',
  )
  await assertRejects(
    () =>
      server.connect(async (connection) => {
        await connection.query('set role reader_of_held')
        return exportTables(connection, {
          folder: join(temporaryFolder(), 'out'),
          format: 'csv',
          tables: [],
          progress: () => {},
        })
      }, from),
    /row-level security/,
  )
})

test.run()

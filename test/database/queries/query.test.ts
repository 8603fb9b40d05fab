import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findQuery, readQueries } from '../../../lib/database/queries/catalogue.ts'
import { csvText, jsonRows } from '../../../lib/database/queries/format.ts'
import { bind, placeholders, readParameter } from '../../../lib/database/queries/parameters.ts'
import { parseQuery, type Query } from '../../../lib/database/queries/query.ts'
import { runQuery } from '../../../lib/database/queries/run.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { temporaryFolder, timeLimit } from '../../support/index.ts'
import { failureOf, startServer, type TestServer } from '../support/server.ts'

timeLimit(120_000)

const at = { name: 'q', folder: 'analytics' as const, file: 'q.sql', sha256: '' }
const made = (text: string): Query => unwrap(parseQuery(text, at))

test('a header is read, with types, defaults and descriptions', () => {
  const query = made(
    `-- name: q
-- description: What it shows
-- A word of explanation: no key of a header.
-- parameter: days integer = 7    How many days
-- parameter: who text = 'it''s me'
-- parameter: since date = null
-- parameter: "quoted" is none
-- timeout: 5m
select :days, :'who', :since
`.replace('-- parameter: "quoted" is none\n', ''),
  )
  assert.equal(query.parameters, [
    { name: 'days', type: 'integer', default: '7', description: 'How many days' },
    { name: 'who', type: 'text', default: "it's me" },
    { name: 'since', type: 'date', default: null },
  ])
  assert.equal(
    [query.readOnly, query.timeoutMs, query.as, query.description],
    [true, 300_000, 'owner', 'What it shows'],
  )
  assert.is(unwrap(parseQuery('select 1', { ...at, folder: 'diagnostics' })).as, 'administrator')
})

test('all mistakes of a header at once, each with its line', () => {
  const result = parseQuery(
    `-- name: other
-- readonly: true
-- parameter: days int
-- parameter: format text
-- parameter: n integer = many
-- parameter: unused text
select :day`,
    at,
  )
  assert.not.ok(result.ok)
  const said = result.ok ? [] : result.failures.map(({ message, place, nearest }) => [place?.line, message, nearest])
  assert.equal(said, [
    [1, 'the file is called q, the header says other', undefined],
    [2, 'readonly is nothing that the header of a query says', 'read-only'],
    [
      3,
      'int is no type of a parameter: integer, bigint, numeric, text, boolean, date, timestamptz, interval, uuid',
      undefined,
    ],
    [4, '--format is a flag of task query itself: give the parameter another name', undefined],
    [5, 'many is no integer', undefined],
    [7, ':day is no parameter that the header declares', undefined],
    [undefined, 'the parameter unused is declared and nowhere used', undefined],
  ])
})

test('names are found where psql replaces them, and nowhere else', () => {
  const text = `select ':a', "x:b", $$ :c $$, $t$ :d $t$, e'\\' :e', x::int, -- :f
  /* :g /* :h */ :i */ :j, :'k', y[:l], a$b$ :m, '' || :n`
  assert.equal(
    placeholders(text).map(({ name }) => name),
    ['j', 'k', 'l', 'm', 'n'],
  )
  const bound = bind(
    'select :a, :b::text\nwhere :a',
    [
      { name: 'a', type: 'integer' },
      { name: 'b', type: 'text' },
    ],
    { a: '1', b: null },
  )
  assert.equal([bound.sql, bound.values], ['select $1::integer, $2::text::text\nwhere $1::integer', ['1', null]])
  assert.is(bound.offset(bound.sql.indexOf('where')), 'select :a, :b::text\nwhere'.indexOf('where'))
})

test('values are checked by their type', () => {
  for (const [type, good, bad] of [
    ['integer', '-5', '5.5'],
    ['integer', '2147483647', '2147483648'],
    ['bigint', '9007199254740993', 'x'],
    ['numeric', '1.5e3', '1,5'],
    ['boolean', 'off', 'maybe'],
    ['date', '2026-02-28', '2026-02-30'],
    ['date', '2024-02-29', '2026-13-01'],
    ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99'],
  ] as const) {
    assert.is(readParameter(type, good), true, `${type} ${good}`)
    assert.is(readParameter(type, bad), false, `${type} ${bad}`)
  }
})

test("a workspace's file goes before what comes with the product, and unknown names get the nearest one", async () => {
  const root = temporaryFolder()
  const write = async (path: string, text: string) => {
    await mkdir(join(root, 'database/queries', path, '..'), { recursive: true })
    await writeFile(join(root, 'database/queries', path), text)
  }
  await write('diagnostics/bloat.sql', '-- description: ours\nselect 1')
  await write('analytics/twice.sql', 'select 1')
  await write('utilities/twice.sql', 'select 2')
  await write('utilities/broken.sql', '-- timeout: soon\nselect 1')
  const entries = unwrap(await readQueries(root))
  assert.is(unwrap(findQuery(entries, 'bloat')).description, 'ours')
  assert.is(unwrap(findQuery(entries, 'bloat')).path, 'database/queries/diagnostics/bloat.sql')
  assert.is(unwrap(findQuery(entries, 'utilities/twice')).text, 'select 2')
  assert.is(failureOf(findQuery(entries, 'twice')).code, 'query-name-twice')
  assert.equal(
    [failureOf(findQuery(entries, 'blaot')).nearest, failureOf(findQuery(entries, 'broken')).code],
    ['bloat', 'query-header'],
  )
  // What is wrong with one file keeps no other from running.
  assert.ok(findQuery(entries, 'locks').ok)
})

let server: TestServer
test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

const ask = (
  query: Query,
  values: Record<string, string | null> = {},
  more: { maxRows?: number; timeoutMs?: number } = {},
) => server.connect((connection) => runQuery(connection, query, { values, timeoutMs: 20_000, maxRows: 100, ...more }))

test('values go beside the statement, and types come back as JSON has them', async () => {
  const result = unwrap(
    await ask(
      made(
        '-- parameter: who text\n-- parameter: n bigint\nselect :who as who, :n as n, 1.50 as d, true as t, null as z, \'{"a":1}\'::jsonb as j, 1 as n;',
      ),
      {
        who: "'; drop table x; --",
        n: '9007199254740993',
      },
    ),
  )
  assert.equal(jsonRows(result), [
    { who: "'; drop table x; --", n: '9007199254740993', d: '1.50', t: true, z: null, j: { a: 1 }, n_2: 1 },
  ])
  assert.is(
    csvText({
      columns: [
        { name: 'a,b', type: 25 },
        { name: 'c', type: 25 },
      ],
      rows: [
        ['say "x"', null],
        ['', 'y\nz'],
      ],
    }),
    '"a,b",c\n"say ""x""",\n"","y\nz"\n',
  )
})

test('a read-only query changes nothing, however it tries', async () => {
  await server.query('create table kept (id int)')
  for (const sql of [
    'insert into kept values (1)',
    'with i as (insert into kept values (1) returning id) select * from i',
    'create table other (id int)',
    'select id into other from kept',
    "select setval('kept_id', 1)",
  ]) {
    await server.query('create sequence if not exists kept_id')
    assert.is(failureOf(await ask(made(sql))).code, 'query-not-read-only', sql)
  }
  for (const [sql, code] of [
    ['commit', 'query-not-allowed'],
    ["copy kept to '/tmp/kept'", 'query-not-allowed'],
    ["copy (select 1) to program 'cat'", 'query-not-allowed'],
    ['select 1; delete from kept', 'query-many-statements'],
    ['-- nothing', 'query-many-statements'],
  ] as const) {
    assert.is(failureOf(await ask(made(sql))).code, code, sql)
  }
  assert.equal(await server.query('select * from kept'), [])
})

test('rows are taken up to a number, a slow query is ended by the server, a mistake has its place', async () => {
  const many = unwrap(
    await ask(made('-- parameter: n bigint\nselect generate_series(1, :n) -- all'), { n: '1000000000000' }),
  )
  assert.equal([many.rows.length, many.more], [100, true])
  assert.is(unwrap(await ask(made('show server_version'))).rows.length, 1)
  assert.is(failureOf(await ask(made('select pg_sleep(60)'), {}, { timeoutMs: 200 })).code, 'query-timeout')
  const failure = failureOf(
    await ask(made('-- parameter: days integer = 7\n\nselect :days,\n  nothing;'), { days: '7' }),
  )
  assert.equal([failure.code, failure.place?.line, failure.place?.column], ['query-failed', 4, 3])
  assert.equal(await server.query("select 1 from pg_stat_activity where state like 'idle in transaction%'"), [])
})

test('what says that it changes something does, in one transaction', async () => {
  const query = made(
    '-- read-only: false\n-- parameter: n integer = 3\ninsert into kept select generate_series(1, :n) returning id',
  )
  const done = unwrap(await ask(query, { n: '3' }))
  assert.equal([done.command, done.count, done.rows], ['INSERT', 3, [['1'], ['2'], ['3']]])
  assert.equal((await server.query('select * from kept')).length, 3)
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseFormat } from '../../../lib/database/migrations/format.ts'
import { parseMigration, syntaxFailures } from '../../../lib/database/migrations/script.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { failureOf } from '../support/server.ts'

const parse = async (text: string) => unwrap(await parseMigration(text, 'm.sql'))
const ups = async (text: string) => (await parse(text)).up.statements.map((statement) => statement.text)
const refusal = async (text: string) => failureOf(await parseMigration(text, 'm.sql'))

test("dbmate's format: only the up part runs", async () => {
  const text = '-- a comment\n-- migrate:up\ncreate table a (b int);\nselect 1\n\n-- migrate:down\ndrop table a;\n'
  assert.equal(await ups(text), ['create table a (b int)', 'select 1'])
  assert.is((await parse(text)).up.transaction, true)
})

test('plain SQL is all up', async () => {
  assert.equal(await ups('select 1; select 2;'), ['select 1', 'select 2'])
  assert.equal(await ups(''), [])
})

test('directives inside quotes and block comments are none', async () => {
  const body =
    "-- migrate:up\nselect $$\n-- migrate:down\ndrop table a;\n$$, '\n-- migrate:down\n' /*\n-- migrate:up\n*/;\nselect 2;"
  assert.is((await ups(body)).length, 2)
})

test('directives inside parentheses or function bodies are refused: something before them is not finished', async () => {
  for (const text of [
    '-- migrate:up\ncreate table a (b int;\n-- migrate:down\ndrop table a;',
    '-- migrate:up\ncreate function f() returns int language sql begin atomic select 1;\n-- migrate:down\ndrop table a;',
  ]) {
    const failure = await refusal(text)
    assert.is(failure.code, 'migration-format')
    assert.match(failure.message, 'a directive inside parentheses')
    assert.is(failure.place?.line, 3)
  }
})

test('a function that is called begin hides no directive', async () => {
  const text =
    "-- migrate:up\ncreate function begin() returns int language sql as 'select 1';\n-- migrate:down\ndrop table a;"
  assert.is((await ups(text)).length, 1)
})

test('every wrong arrangement is an error with its place', async () => {
  const cases: [string, string, number][] = [
    ['-- migrate:down\ndrop table a;', 'there is a migrate:down but no migrate:up', 1],
    ['-- migrate:up\nselect 1;\n-- migrate:up\nselect 2;', 'a second migrate:up', 3],
    ['-- migrate:up\n-- migrate:down\n-- migrate:down\n', 'a second migrate:down', 3],
    ['-- migrate:down\n\n-- migrate:up\n', 'migrate:down stands before migrate:up', 1],
    ['select 1;\n-- migrate:up\nselect 2;', 'SQL stands before migrate:up', 1],
    ['-- migrate:upp\nselect 1;', 'unknown directive migrate:upp', 1],
    ['-- migrate:up transaction:no\nselect 1;', 'unknown option transaction:no', 1],
    ['-- vital-ops: maybe\nselect 1;', 'expected `-- vital-ops: expand`', 1],
    ['-- vital-ops: expand\n-- vital-ops: breaking\nselect 1;', 'a second header', 2],
    ["select 1;\nselect '", 'the string that begins here has no end', 2],
    ['copy t from stdin;\n1\n', 'COPY', 1],
  ]
  for (const [text, message, line] of cases) {
    const failure = await refusal(text)
    assert.is(failure.code, 'migration-format', text)
    assert.match(failure.message, message)
    assert.is(failure.place?.line, line, text)
    assert.is(failure.outcome, 'unchanged')
  }
  assert.is((await refusal('-- migrate:upp\nselect 1;')).nearest, 'migrate:up')
})

test('transaction:false and statements that need it are told, with the reason', async () => {
  const said = (await parse('-- migrate:up transaction:false\nselect 1;')).up
  assert.equal([said.transaction, said.reason], [false, 'transaction:false'])
  const found = (await parse('create table a (b int);\ncreate index concurrently i on a (b);')).up
  assert.equal([found.transaction, found.reason], [false, 'CREATE INDEX CONCURRENTLY'])
})

test('BEGIN and COMMIT around the whole file say nothing new; elsewhere they are refused', async () => {
  assert.equal(await ups('begin;\nselect 1;\ncommit;'), ['select 1'])
  for (const text of [
    'select 1;\ncommit;\nselect 2;',
    'begin;\nselect 1;\nrollback;',
    '-- migrate:up\nbegin;\nselect 1;',
  ]) {
    assert.is((await refusal(text)).code, 'migration-transaction-control', text)
  }
  assert.is((await ups('savepoint a; select 1; rollback to a;')).length, 3)
})

test('the header decides the effect; without one the statements do', async () => {
  assert.is((await parse('create table a (b int)')).effect, 'expand')
  const inferred = await parse('drop table a')
  assert.equal([inferred.effect, inferred.reason], ['breaking', 'it drops a table'])
  const overridden = await parse('-- vital-ops: expand nobody reads it since release 7\ndrop table a')
  assert.equal([overridden.effect, overridden.reason], ['expand', 'nobody reads it since release 7'])
  const declared = await parse('-- vital-ops: breaking: the values mean something else\nupdate a set b = 1')
  assert.equal([declared.effect, declared.reason], ['breaking', 'the values mean something else'])
})

test('expand without a reason over a breaking statement is refused at that statement', async () => {
  const failure = await refusal('-- vital-ops: expand\nselect 1;\n  drop table a;')
  assert.is(failure.code, 'migration-effect-unexplained')
  assert.equal(failure.place, { file: 'm.sql', line: 3, column: 3 })
  assert.match(failure.message, 'it drops a table')
})

test('syntax errors are found with place and source, and psql commands explained', async () => {
  const text = '-- migrate:up\nselect 1;\ncreate tabel a ();\n\\connect other\nselect 2;'
  const { up } = await parse(text)
  const failures = syntaxFailures(up, text, 'm.sql')
  assert.is(failures.length, 2)
  assert.equal(failures[0]?.place, { file: 'm.sql', line: 3, column: 8 })
  assert.is(failures[0]?.source, 'create tabel a ();')
  assert.match(failures[1]?.why ?? '', "psql's commands")
})

test('the down part is known, and never among the statements', () => {
  const text = '-- migrate:up\nselect 1;\n-- migrate:down transaction:false\ndrop index concurrently i;'
  const format = unwrap(parseFormat(text, 'm.sql'))
  assert.is(text.slice(format.down?.from, format.down?.to).trim(), 'drop index concurrently i;')
  assert.is(format.down?.transaction, false)
})

test.run()

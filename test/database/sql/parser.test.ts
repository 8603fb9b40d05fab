import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lexSql } from '../../../lib/database/sql/lexer.ts'
import { loadParser, parseScript } from '../../../lib/database/sql/parser.ts'
import { byteOffsets, characterOffset, lineAt, placeAt } from '../../../lib/database/sql/positions.ts'
import { repository } from '../../support/index.ts'

const split = async (text: string) => parseScript(await loadParser(), text)
const texts = async (text: string) => (await split(text)).map((statement) => statement.text)

/** Scripts in which semicolons, quotes and comments mean something else than they seem to. */
const tricky = [
  `select 1; select ';' as "a;b"; select $$;$$; select $x$ $$ ; $x$`,
  `-- a; b\nselect 1 /* ; /* nested ; */ ; */; -- end`,
  `create function f() returns int language sql begin atomic select 1; select case when true then 2 end; end; select 3`,
  `create or replace procedure p() language sql begin atomic insert into t values (1); end; select 1`,
  `create function "begin"() returns int language sql as 'select 1'; select 2`,
  `create rule r as on insert to t do also (insert into a values (1); insert into b values (2)); select 1`,
  `select E'it\\'s; fine', 'back\\'; select 2`,
  `select 'ü; ö', U&'\\0061;'; select '💥;' as "ß;"; select 3`,
  `do $body$ begin perform 1; perform '$$;'; end $body$; select 1`,
  `select 1; ;; select a$b$c from t; select $1`,
  `select 'it''s;'; select "q""q;"; select B'01', X'1F', N'x;'`,
  ``,
  `-- only a comment`,
  `;;;`,
  `select 1`,
]

test('the lexer and the parser of PostgreSQL split alike', async () => {
  const files = readdirSync(join(repository, 'example/database'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /^(migrations|seeds)\/.*\.sql$/.test(file))
    .map((file) => readFileSync(join(repository, 'example/database', file), 'utf8'))
  assert.ok(files.length > 5)
  for (const text of [...tricky, ...files.filter((file) => !/^copy/im.test(file))]) {
    const parsed = await split(text)
    assert.not.ok(
      parsed.some(({ problem }) => problem),
      text,
    )
    const lexed = lexSql(text).statements.map(({ start, end }) => text.slice(start, end).replace(/;$/, '').trim())
    assert.equal(
      parsed.map((statement) => statement.text.replace(/\s*(--[^\n]*|\/\*.*\*\/)?\s*$/s, '')),
      lexed.map((one) => one.replace(/\s*(--[^\n]*|\/\*.*\*\/)?\s*$/s, '')).filter((one) => one !== ''),
    )
  }
})

test('statements have their own text and offsets, without the comments before them', async () => {
  const text = `-- ü\n/* 💥 */ select 'ä';\n\n  select 2 ;`
  const [first, second, ...more] = await split(text)
  assert.is(more.length, 0)
  assert.is(first?.text, `select 'ä'`)
  assert.is(text.slice(first?.start, first?.end), `select 'ä'`)
  assert.equal(placeAt(text, second?.start ?? 0), { line: 4, column: 3 })
  assert.is(second?.kind, 'SelectStmt')
})

test('COPY data belong to their statement and are not SQL', async () => {
  const text = `create table t (a text);\nCOPY t (a) FROM STDIN;\nit's; -- $$ /*\ncopy t from stdin;\n\\.\nselect 1;\ncopy t from stdin with (format csv);\n"x"\n\\.\n`
  const statements = await split(text)
  assert.equal(
    statements.map(({ kind }) => kind),
    ['CreateStmt', 'CopyStmt', 'SelectStmt', 'CopyStmt'],
  )
  assert.is(statements[1]?.data?.text, "it's; -- $$ /*\ncopy t from stdin;\n")
  assert.is(statements[3]?.data?.text, '"x"\n')
  assert.is(text.slice(statements[3]?.data?.start).slice(0, 3), '"x"')
})

test('one syntax error leaves the other statements alone, and has a position', async () => {
  const text = `select 1;\nselct 'ü' from\n  x;\nselect '💥',, 3;\nselect 4`
  const statements = await split(text)
  assert.equal(
    statements.map(({ kind, problem }) => kind ?? problem?.message),
    ['SelectStmt', 'syntax error at or near "selct"', 'syntax error at or near ","', 'SelectStmt'],
  )
  assert.equal(placeAt(text, statements[1]?.problem?.offset ?? 0), { line: 2, column: 1 })
  const comma = statements[2]?.problem?.offset ?? 0
  assert.is(text.slice(comma, comma + 4), ', 3;')
})

test('a part of a text is parsed with offsets into the whole', async () => {
  const text = `-- ü\nselect 1;\n-- cut\nselect 2;`
  const [statement] = parseScript(await loadParser(), text, text.indexOf('-- cut'))
  assert.is(text.slice(statement?.start, statement?.end), 'select 2')
})

test('what the text cuts off is found with its beginning', () => {
  for (const [text, what] of [
    [`select 1;\nselect 'x`, 'string'],
    [`select "x`, 'quoted name'],
    [`select $a$ $$ `, 'dollar quote $a$'],
    [`/* /* */ `, 'comment'],
    [`copy t from stdin;\n1\n`, 'COPY'],
  ] as const) {
    assert.match(lexSql(text).unterminated?.what ?? '', what)
  }
  assert.is(lexSql(`select 1;\nselect 'x`).unterminated?.start, 17)
  assert.is(lexSql(tricky.join(';\n')).unterminated, undefined)
})

test('positions count characters, bytes and lines as their givers do', () => {
  const text = 'ä💥b\nc'
  assert.is(characterOffset(text, 2), 3)
  const offset = byteOffsets(text)
  assert.equal([0, 2, 6, 7, 8, 9].map(offset), [0, 1, 3, 4, 5, 6])
  assert.is(lineAt(text, 5), 'c')
  assert.is(lineAt(text, 1), 'ä💥b')
  assert.equal(placeAt(text, 5), { line: 2, column: 1 })
})

test('statements of 1,000 random scripts are all there, in their order', async () => {
  const pieces = [
    `select 1`,
    `select ';'`,
    `select $$;$$`,
    `select E'\\';'`,
    `select "a;"`,
    `/* ; */ select 2`,
    `-- ;\nselect 3`,
  ]
  let seed = 42
  const random = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % n
  }
  for (let round = 0; round < 1000; round++) {
    const chosen = Array.from({ length: 1 + random(8) }, () => pieces[random(pieces.length)] as string)
    const expected = chosen.map((piece) => piece.replace(/^(\/\*.*\*\/ |--.*\n)/, ''))
    assert.equal(await texts(chosen.join(random(2) ? ';' : ' ;\n\n')), expected)
  }
})

test.run()

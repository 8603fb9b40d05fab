import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findClients } from '../../lib/backup/clients.ts'
import { dumpSchema } from '../../lib/backup/schema-dump.ts'
import { withDatabase } from '../../lib/database/connect.ts'
import { readMigrations } from '../../lib/database/files.ts'
import { applyMigrations } from '../../lib/database/migrations/apply.ts'
import { normaliseDump } from '../../lib/database/schema/dump.ts'
import { unwrap } from '../../lib/model/failure.ts'
import { addressOf } from '../database/support/migrator.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { repository, timeLimit } from '../support/index.ts'

timeLimit(120_000)
let server: TestServer
test.before(async () => {
  server = await startServer(await testEngine(15, 'system'))
})
test.after(() => server?.dispose())

const target = (database: string, root = '') =>
  addressOf({ port: server.port, password: server.password.reveal(), database, root, application: 'test-run' })

const dump = async (database: string) => {
  const text = await dumpSchema(target(database), 15, { signal: new AbortController().signal })
  if (text === undefined) throw new Error('no client')
  return text
}

test("the example's current.sql is what its migrations make", async () => {
  const root = join(repository, 'example')
  const database = await server.database()
  const files = unwrap(await readMigrations(root, 'database/migrations'))
  const applied = await withDatabase(target(database), (connection) =>
    applyMigrations(connection, files, { root, output: () => {} }),
  )
  assert.is(unwrap(applied).length, files.length)
  assert.is(await dump(database), readFileSync(join(root, 'database/schema/current.sql'), 'utf8'))
})

const body = `
begin
  /* pg_dump's own words in a body:
\\restrict abc
SET default_tablespace = '';
*/
  return new;
end`

test('it is the same from another database, in another order, with rows; and another after each change', async () => {
  const make = async (statements: string[]) => {
    const database = await server.database()
    for (const sql of statements) await server.query(sql, [], database)
    return database
  }
  const tables = ['create table a (b int primary key, c text default $$;$$)', 'create table "A b" (n int)']
  const more = [
    `create function f() returns trigger language plpgsql as $f$${body}$f$`,
    'create trigger t before insert on a for each row execute function f()',
    'comment on table a is $$-- Dumped from database version 15$$',
    'create schema vital_ops',
    'create table vital_ops.migrations (version text)',
  ]
  const one = await make([...tables, ...more])
  const other = await make([...tables.reverse(), ...more, 'create table gone (n int)', 'drop table gone'])
  await server.query('insert into "A b" values (1)', [], other)
  await server.query('create role stranger', [])
  await server.query('alter table "A b" owner to stranger', [], other)
  await server.query('grant select on a to stranger; analyze', [], other)
  const text = await dump(one)
  assert.is(await dump(other), text)
  assert.ok(text.includes(body), text)
  assert.match(text, 'CREATE TABLE public."A b" (\n    n integer\n);')
  assert.match(text, "COMMENT ON TABLE public.a IS '-- Dumped from database version 15';")
  assert.not.match(text, /vital_ops|stranger|^SET (?!default_tablespace)|set_config|PostgreSQL database dump/m)
  for (const change of ['alter table a add column d int', 'create index on a (c)', "comment on table a is 'x'"]) {
    const before = await dump(other)
    await server.query(change, [], other)
    assert.is.not(await dump(other), before, change)
  }
})

test('a client that is too old gives no text', async () => {
  const clients = await findClients()
  const newest = Math.max(...clients.map(({ major }) => major))
  assert.is(await dumpSchema(target('postgres'), newest + 1, { signal: new AbortController().signal }), undefined)
})

test('what other clients frame a dump with is left out', async () => {
  const framed = (version: string, word: string, settings: string) => `--
-- PostgreSQL database dump
--

\\restrict ${word}

-- Dumped from database version ${version}
-- Dumped by pg_dump version ${version} (Debian ${version}-1.pgdg120+1)

SET statement_timeout = 0;
${settings}SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: a; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.a (
    b integer
);


--
-- PostgreSQL database dump complete
--

\\unrestrict ${word}

`
  const old = await normaliseDump(framed('15.14', 'Zyx9', ''))
  assert.is(await normaliseDump(framed('17.6', 'abC1', 'SET transaction_timeout = 0;\n')), old)
  assert.match(old, /^-- The schema[^\n]*\n-- [^\n]*\n\nCREATE TABLE public\.a \(\n {4}b integer\n\);\n$/)
  assert.not.match(await normaliseDump(''), 'CREATE')
})

test.run()

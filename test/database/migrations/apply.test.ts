import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../../lib/database/connect.ts'
import { readMigrations } from '../../../lib/database/files.ts'
import { KnownFiles } from '../../../lib/database/known-files.ts'
import { observeDatabase } from '../../../lib/database/observe.ts'
import { ok, unwrap } from '../../../lib/model/failure.ts'
import { note, until } from '../../support/index.ts'
import { impatient, MigrationFolder } from '../support/migrator.ts'
import { failureOf, secret, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
const make = () => MigrationFolder.make(server)

test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

test('pending ones run in version order, once, and the ledger says who, when and for which release', async () => {
  const folder = await make()
  folder.write({
    '10_c.sql': 'create table c (a int)',
    '9_b.sql': 'create table b (a int)',
    '1_a.sql': 'create table a (b int)',
  })
  assert.equal(unwrap(await folder.up({ release: 7 })), ['1', '9', '10'])
  assert.equal(unwrap(await folder.up()), [])
  assert.equal(await folder.applied(), ['1', '9', '10'])
  const [row] = await folder.query('select * from vital_ops.migrations where version = $1', ['9'])
  assert.is(row?.name, 'b')
  assert.is(row?.release, 7)
  assert.is(row?.statements, 1)
  assert.is(row?.effect, 'expand')
  assert.match(String(row?.applied_by), '@')
  assert.is(String(row?.sha256).length, 64)
  assert.is(folder.lines.filter((line) => line.startsWith('applied 9 b in')).length, 1)
})

const transactions = (folder: MigrationFolder) =>
  folder.query('select version, xmin::text as transaction from vital_ops.migrations order by sequence')

test('on a new database neighbours share a transaction, each with its row; later ones have one each', async () => {
  const folder = await make()
  const table = (name: string) => `create table ${name} (b int);\ninsert into ${name} values (1);`
  folder.write({
    '1_a.sql': `begin;\n${table('a')}\ncommit; -- the end`,
    '2_b.sql': `-- migrate:up\n${table('b')} -- a comment\n-- migrate:down\ndrop table b;`,
    '3_c.sql': "set work_mem = '1MB'; create table c (b int)",
    '4_d.sql': 'create table d (b int)',
    '5_e.sql': 'create table e (b int)',
  })
  assert.equal(unwrap(await folder.up()), ['1', '2', '3', '4', '5'])
  const first = await transactions(folder)
  assert.equal(new Set(first.map(({ transaction }) => transaction)).size, 3, JSON.stringify(first))
  assert.is(first[0]?.transaction, first[1]?.transaction)
  assert.is(first[3]?.transaction, first[4]?.transaction)
  assert.is(folder.lines.filter((line) => /^applied \d \w in/.test(line)).length, 5)
  folder.write({ '6_f.sql': table('f'), '7_g.sql': table('g') })
  assert.equal(unwrap(await folder.up()), ['6', '7'])
  assert.equal(new Set((await transactions(folder)).map(({ transaction }) => transaction)).size, 5)
  for (const name of ['a', 'b', 'f', 'g']) assert.equal(await folder.query(`select b from ${name}`), [{ b: 1 }])
})

test('on a new database: of neighbours the good ones stay, and the failure is told in its place', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql': 'create table a (b int primary key, c int references a deferrable initially deferred);',
    '2_b.sql': 'insert into a values (1, 2), (2, 1);',
    // The deferred constraints of the one before were looked at.
    '3_c.sql': 'alter table a add d int; create table c (d int);\n\ninsert into c (nothing) values (1);',
    '4_d.sql': 'create table d (b int)',
  })
  const failure = failureOf(await folder.up())
  assert.equal(failure.place, { file: 'migrations/3_c.sql', line: 3, column: 16 })
  assert.equal(await folder.applied(), ['1', '2'])
  assert.equal(await folder.query("select to_regclass('c') as c, to_regclass('d') as d"), [{ c: null, d: null }])
  folder.write({ '3_c.sql': 'alter table a add d int; create table c (d int)' })
  assert.equal(unwrap(await folder.up()), ['3', '4'])
  // What only fails together: the use of a new value in the transaction that adds it.
  const other = await make()
  other.write({
    '1_a.sql': "create type mood as enum ('good'); create table m (m mood);",
    '2_b.sql': 'create table x (n int unique deferrable initially deferred); insert into x values (1), (2);',
    '3_c.sql': 'update x set n = 3 - n;',
    '4_d.sql': "alter type mood add value 'bad'",
    '5_e.sql': "insert into m values ('bad');",
  })
  assert.equal(unwrap(await other.up()), ['1', '2', '3', '4', '5'])
})

test('what was found in a file before spares the parser, and nothing else', async () => {
  const folder = await make()
  const note = join(folder.root, 'known.json')
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`${n + 1}_t.sql`, `-- ü\ncreate table t${n} (b int);\n`]),
  )
  folder.write({ ...files, '41_last.sql': 'create table last (b int); insert into last values (1/0);' })
  const known = await KnownFiles.read(note)
  unwrap(await readMigrations(folder.root, 'migrations', known))
  assert.equal((await KnownFiles.read(note)).get('nothing'), undefined)
  const failure = failureOf(await folder.up({ known: await KnownFiles.read(note) }))
  assert.match(failure.message, 'division by zero')
  assert.equal(failure.place, { file: 'migrations/41_last.sql', line: 1, column: 28 })
  assert.is((await folder.applied()).length, 40)
  folder.write({ '41_last.sql': 'create table last (b int)' })
  assert.equal(unwrap(await folder.up({ known: await KnownFiles.read(note) })), ['41'])
})

test('a statement may take as long as it wants, or as the configuration or its header says', async () => {
  const folder = await make()
  const slow = "select pg_sleep(case when exists (select from pg_class where relname = 'quick') then 0 else 60 end);"
  const wrong: Record<string, string>[] = [
    { '1_a.sql': `-- vital-ops: statement-timeout 1s\n${slow}` },
    { '1_a.sql': slow },
    { '1_a.sql': `-- migrate:up transaction:false\n${slow}\n-- migrate:down\n` },
    {
      '1_a.ts': `export const effect = 'expand'\nexport const up = ({ query }) => query(${JSON.stringify(slow)})`,
      '1_a.sql': '',
    },
  ]
  for (const [index, files] of wrong.entries()) {
    folder.write({ ...files, ...(files['1_a.sql'] === '' && { '1_a.sql': undefined }) })
    const failure = failureOf(await folder.up(index === 0 ? {} : { statementTimeoutMs: 1000 }))
    assert.match(failure.message, 'statement timeout', JSON.stringify(files))
    assert.match(failure.why ?? '', 'statement-timeout 10m')
  }
  folder.write({ '1_a.ts': undefined, '1_a.sql': `-- vital-ops: statement-timeout none\nselect pg_sleep(1.5)` })
  assert.equal(unwrap(await folder.up({ statementTimeoutMs: 1000 })), ['1'])
  // It is not for what the ledger records, nor for the next one.
  folder.write({
    '2_b.sql': '-- vital-ops: statement-timeout 1s\ncreate table quick (a int)',
    '3_c.sql': 'select pg_sleep(1.5)',
  })
  assert.equal(unwrap(await folder.up()), ['2', '3'])
  for (const header of [
    'statement-timeout',
    'statement-timeout soon',
    'statement-timeout 1s\n-- vital-ops: statement-timeout 2s',
  ]) {
    folder.write({ '4_d.sql': `-- vital-ops: ${header}\nselect 1` })
    assert.is(failureOf(await folder.up()).code, 'migration-format', header)
  }
})

test('nothing to do: nothing is written, not even the ledger', async () => {
  const folder = await make()
  assert.equal(unwrap(await folder.up()), [])
  assert.equal(await folder.query("select 1 from pg_namespace where nspname = 'vital_ops'"), [])
})

test('an SQL error: place, source line, statement, detail; nothing of that migration stays, those before do', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql': 'create table a (b int);',
    '2_b.sql':
      '-- ü 💥\n-- migrate:up\ncreate table b (a int);\ninsert into a (b,\n   nothing) values (1, 2);\n-- migrate:down\ndrop table b;\n',
  })
  const failure = failureOf(await folder.up())
  assert.is(failure.code, 'migration-failed')
  assert.is(failure.message, 'migration 2 b: column "nothing" of relation "a" does not exist (SQLSTATE 42703)')
  assert.equal(failure.place, { file: 'migrations/2_b.sql', line: 5, column: 4 })
  assert.is(failure.source, '   nothing) values (1, 2);')
  assert.match(failure.why ?? '', 'insert into a (b,')
  assert.match(failure.why ?? '', 'nothing of this migration is in the database')
  assert.equal(failure.next, ['mend migrations/2_b.sql', 'task migrate up'])
  assert.equal(await folder.applied(), ['1'])
  assert.equal(await folder.query("select 1 from pg_class where relname = 'b'"), [])
  folder.write({ '2_b.sql': 'create table b (a int)' })
  assert.equal(unwrap(await folder.up()), ['2'])
})

test('errors without a position name the statement; those of COPY the line of its data', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int primary key);\n\n  insert into a values (1), (1);' })
  const duplicate = failureOf(await folder.up())
  assert.equal(duplicate.place, { file: 'migrations/1_a.sql', line: 3, column: 3 })
  assert.match(duplicate.why ?? '', 'Key (b)=(1) already exists.')
  folder.write({ '1_a.sql': 'create table a (b int);\ncopy a from stdin;\n1\nx\n\\.\n' })
  const data = failureOf(await folder.up())
  assert.is(data.source, 'x')
  assert.is(data.place?.line, 4)
  folder.write({ '1_a.sql': "create table a (b int);\ndo $$\nbegin\n  raise exception 'no %', 1;\nend $$;" })
  const raised = failureOf(await folder.up())
  assert.is(raised.place?.line, 2)
  assert.match(raised.message, 'no 1')
})

test('an error of a deferred constraint is still the migration’s', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql':
      'create table a (b int primary key, c int references a deferrable initially deferred);\ninsert into a values (1, 2);',
  })
  const failure = failureOf(await folder.up())
  assert.is(failure.code, 'migration-failed')
  assert.match(failure.message, 'violates foreign key constraint')
  assert.equal(await folder.applied(), [])
})

test('syntax errors are found before anything runs, all at once', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int);', '2_b.sql': 'create tabel b ();', '3_c.sql': 'selct 1;' })
  const result = await folder.up()
  assert.is(result.ok, false)
  assert.equal(!result.ok && result.failures.map(({ code, place }) => [code, place?.file]), [
    ['migration-syntax', 'migrations/2_b.sql'],
    ['migration-syntax', 'migrations/3_c.sql'],
  ])
  assert.equal(await folder.applied(), [])
})

test('COPY data, quotes and function bodies arrive in the database as they are', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql': `create table a (b text, c text);
copy a (b, c) from stdin;
it's; -- $$\t/*
ü\\t💥\t\\N
\\.
create function f() returns text language plpgsql as $f$ begin return '; -- migrate:down'; end $f$;
create function g() returns int language sql begin atomic select 1; select 2; end;
insert into a values ('x;', f());`,
  })
  assert.equal(unwrap(await folder.up()), ['1'])
  assert.equal(await folder.query('select b, c from a order by b'), [
    { b: "it's; -- $$", c: '/*' },
    { b: 'x;', c: '; -- migrate:down' },
    { b: 'ü\t💥', c: null },
  ])
})

test('what a migration sets for its session does not reach the next one, nor the ledger', async () => {
  const folder = await make()
  const role = `${folder.database}_role`
  await folder.query(`create role ${role}; grant create on schema public to ${role}`)
  folder.write({
    '1_a.sql': `set role ${role}; create table public.a (b int); create temp table t (x int);`,
    '2_b.sql':
      "select pg_catalog.set_config('search_path', '', false); create table public.b (a int); create temp table t (x int);",
    '3_c.sql': "set standard_conforming_strings = off; set statement_timeout = '1s';",
    '4_d.sql': 'create table d (a int); select pg_sleep(1.2);',
  })
  assert.equal(unwrap(await folder.up()), ['1', '2', '3', '4'])
  const owners = await folder.query(
    "select relname, relowner::regrole::text as owner from pg_class where relname in ('a', 'd') order by 1",
  )
  assert.equal(owners, [
    { relname: 'a', owner: role },
    { relname: 'd', owner: 'postgres' },
  ])
})

test('a changed applied file stops everything, with the place of the change', async () => {
  const folder = await make()
  const text = 'create table a (\n  b int\n);\n'
  folder.write({ '1_a.sql': text })
  unwrap(await folder.up())
  folder.write({ '1_a.sql': `\ufeff${text.replaceAll('\n', '\r\n')}\n \n` })
  assert.equal(unwrap(await folder.up()), [], 'BOM, CRLF and white space at the end are forgiven')
  folder.write({ '1_a.sql': text.replace('b int', 'b bigint'), '2_b.sql': 'create table b (a int)' })
  const failure = failureOf(await folder.up())
  assert.is(failure.code, 'migration-changed')
  assert.equal(failure.place, { file: 'migrations/1_a.sql', line: 2, column: 5 })
  assert.is(failure.source, '  b bigint')
  assert.match(failure.why ?? '', '  b int')
  assert.equal(await folder.applied(), ['1'])
})

test('a one-byte edit anywhere in an applied file is found: all positions of three files, of three formats', async () => {
  const folder = await make()
  const texts = {
    '1_a.sql': '-- migrate:up\n-- ü\ncreate table a (b int default 1); -- x\n-- migrate:down\ndrop table a;',
    '2_b.up.sql': "copy a from stdin;\n1\n2\n\\.\ncomment on table a is '€ 5';",
    'V3__c.sql': 'create function c() returns int language plpgsql as $f$\nbegin\n  return 1; -- $\nend $f$;',
  }
  folder.write(texts)
  unwrap(await folder.up())
  let positions = 0
  for (const [name, text] of Object.entries(texts)) {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at++) {
      const edited = Buffer.from(bytes)
      edited[at] = edited[at] === 0x5a ? 0x59 : 0x5a
      writeFileSync(`${folder.root}/migrations/${name}`, edited)
      const result = await folder.up()
      assert.is(result.ok, false, `${name}: byte ${at}`)
      positions++
    }
    folder.write({ [name]: text })
    assert.equal(unwrap(await folder.up()), [], name)
  }
  note(`${positions} positions`)
})

test('a file out of order is refused, not skipped; a missing file is no obstacle', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int)', '3_c.sql': 'create table c (b int)' })
  unwrap(await folder.up())
  folder.write({ '2_b.sql': 'create table b (b int)', '4_d.sql': 'create table d (b int)' })
  const failure = failureOf(await folder.up())
  assert.is(failure.code, 'migration-out-of-order')
  assert.match(failure.next?.[0] ?? '', 'after 3')
  assert.equal(await folder.applied(), ['1', '3'])
  folder.write({ '2_b.sql': undefined, '1_a.sql': undefined })
  assert.equal(unwrap(await folder.up()), ['4'])
})

test('a lock that is not to be had: it gives way, says who, and tries again', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int)' })
  unwrap(await folder.up())
  folder.write({ '2_b.sql': 'alter table a add column c int' })
  let applied: ReturnType<typeof folder.up> | undefined
  await folder.server.connect(
    async (connection) => {
      await connection.query('begin; lock table a in access share mode')
      applied = folder.up()
      await until(() => folder.lines.some((line) => line.includes('trying again')), {
        deadline: 30_000,
        what: 'the second try',
      })
      await connection.query('commit')
    },
    folder.database,
    'the-blocker',
  )
  assert.equal(unwrap((await applied) ?? ok([])), ['2'])
  const [line = ''] = folder.lines.filter((one) => one.includes('trying again'))
  assert.match(line, '2 b: canceling statement due to lock timeout')
  assert.match(line, 'the-blocker (process ')
})

test('a lock that is never to be had is a failure', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int)' })
  unwrap(await folder.up())
  folder.write({ '2_b.sql': 'alter table a add column c int' })
  await folder.server.connect(async (connection) => {
    await connection.query('begin; lock table a in access share mode')
    const failure = failureOf(await folder.up({ patience: { ...impatient, lockTimeoutMs: 50, attempts: 2 } }))
    assert.is(failure.code, 'migration-failed')
    assert.match(failure.message, 'lock timeout')
  }, folder.database)
})

test('two migrators at once: both succeed, everything runs once, the waiting one says for whom', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int); select pg_sleep(0.5)', '2_b.sql': 'insert into a values (1)' })
  const lines: string[] = []
  const results = await Promise.all([1, 2, 3].map(() => folder.up({ output: (line) => lines.push(line) })))
  assert.equal(results.flatMap((result) => unwrap(result)).sort(), ['1', '2'])
  assert.equal(await folder.query('select * from a'), [{ b: 1 }])
  assert.match(
    lines.find((line) => line.startsWith('waiting')) ?? '',
    'waiting for vital-ops/test-run (user postgres, server process ',
  )
})

test('waiting ends with a failure that names the holder', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'create table a (b int); select pg_sleep(300)' })
  const controller = new AbortController()
  const running = withAbort(folder, controller.signal)
  await until(
    async () =>
      (
        await folder.query(
          "select 1 from pg_stat_activity where query like '%pg_sleep(300)%' and pid <> pg_backend_pid()",
        )
      ).length,
    { deadline: 30_000, what: 'the first one' },
  )
  const failure = failureOf(await folder.up({ lockWaitMs: 300 }))
  assert.equal([failure.code, failure.outcome], ['migrations-locked', 'locked'])
  assert.match(failure.message, 'vital-ops/test-run (user postgres, server process ')
  controller.abort()
  assert.is(failureOf(await running).code, 'aborted')
  assert.equal(await folder.query("select 1 from pg_class where relname = 'a'"), [])
})

async function withAbort(folder: MigrationFolder, signal: AbortSignal) {
  const { applyMigrations } = await import('../../../lib/database/migrations/apply.ts')
  const { readMigrations } = await import('../../../lib/database/files.ts')
  const { port, password, database, root } = folder.target
  const address = {
    host: '127.0.0.1',
    port,
    database,
    user: 'postgres',
    password: secret(password),
    applicationName: 'vital-ops/test-run',
    signal,
  }
  return withDatabase(address, async (connection) =>
    applyMigrations(connection, unwrap(await readMigrations(root, 'migrations')), { root, output: () => {}, signal }),
  )
}

test('a planned file that changed since the plan is refused', async () => {
  const folder = await make()
  const { applyMigrations } = await import('../../../lib/database/migrations/apply.ts')
  const { readMigrations } = await import('../../../lib/database/files.ts')
  folder.write({ '1_a.sql': 'create table a (b int)' })
  const files = unwrap(await readMigrations(folder.root, 'migrations'))
  folder.write({ '1_a.sql': 'create table a (b bigint)' })
  await folder.server.connect(async (connection) => {
    const failure = failureOf(await applyMigrations(connection, files, { root: folder.root, output: () => {} }))
    assert.equal([failure.code, failure.outcome], ['changed-meanwhile', 'unchanged'])
  }, folder.database)
})

test('seeds run once for each content, as a whole or not at all', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql': 'create table a (b int primary key, c text)',
    'seeds/20-b.sql': "insert into a values (2, 'two') on conflict (b) do update set c = excluded.c;",
    'seeds/10-a.sql': 'copy a from stdin;\n1\tone\n\\.\n',
    'seeds/README.md': 'not a seed',
  })
  unwrap(await folder.up())
  assert.equal(unwrap(await folder.seed()), ['10-a.sql', '20-b.sql'])
  assert.equal(unwrap(await folder.seed()), [])
  folder.write({ 'seeds/20-b.sql': "insert into a values (2, 'zwei') on conflict (b) do update set c = excluded.c;" })
  assert.equal(unwrap(await folder.seed()), ['20-b.sql'])
  assert.equal(await folder.query('select * from a order by b'), [
    { b: 1, c: 'one' },
    { b: 2, c: 'zwei' },
  ])
  folder.write({ 'seeds/30-c.sql': "insert into a values (3, 'x');\ninsert into nothing values (1);" })
  const failure = failureOf(await folder.seed())
  assert.is(failure.code, 'seed-failed')
  assert.equal(failure.place, { file: 'seeds/30-c.sql', line: 2, column: 13 })
  assert.equal(await folder.query('select * from a where b = 3'), [])
  folder.write({ 'seeds/30-c.sql': 'vacuum a;' })
  assert.is(failureOf(await folder.seed()).code, 'seed-not-transactional')
})

test('observation sees what is there and writes nothing', async () => {
  const folder = await make()
  const wanted = { name: folder.database, user: 'observed_user', password: secret('password-12345') }
  const admin = {
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    password: server.password,
    applicationName: 'test',
  }
  assert.equal(await observeDatabase({ created: false, wanted }), { created: false, reachable: false })
  const fresh = await observeDatabase({ created: true, admin, wanted })
  assert.equal(fresh, { created: true, reachable: true, ready: false, applied: [], seeded: [] })
  assert.equal(await folder.query("select 1 from pg_namespace where nspname = 'vital_ops'"), [])
  folder.write({ '1_a.sql': 'create table a (b int)', 'seeds/1.sql': 'insert into a values (1)' })
  unwrap(await folder.up())
  unwrap(await folder.seed())
  const seen = await observeDatabase({ created: true, admin, wanted })
  assert.equal(
    seen.applied?.map(({ version, name, effect }) => [version, name, effect]),
    [['1', 'a', 'expand']],
  )
  assert.equal(
    seen.seeded?.map(({ name }) => name),
    ['1.sql'],
  )
  const missing = await observeDatabase({ created: true, admin, wanted: { ...wanted, name: 'not_there' } })
  assert.equal([missing.ready, missing.applied], [false, []])
  const down = await observeDatabase({ created: true, admin: { ...admin, port: 1 }, wanted })
  assert.equal(down, { created: true, reachable: false })
})

test.run()

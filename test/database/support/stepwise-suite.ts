import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Engine } from '../../../lib/database/engine/postgres.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { until } from '../../support/index.ts'
import { startMigrator } from './child.ts'
import { MigrationFolder } from './migrator.ts'
import { failureOf, startServer, type TestServer } from './server.ts'

/**
 * Migrations that run statement by statement, on one engine: the behaviour has to be the same on the embedded server and on the oldest one that
 * is supported. The test file must run `runMigrator` where `isMigrator`.
 */
export function stepwiseSuite(name: string, locate: () => Promise<Engine>) {
  const test = suite(name)
  let server: TestServer
  const make = () => MigrationFolder.make(server)
  test.before(async () => {
    server = await startServer(await locate())
  })
  test.after(() => server?.dispose())

  const indexes = (folder: MigrationFolder) =>
    folder.query(`select c.relname as name, indisvalid as valid from pg_index join pg_class c on c.oid = indexrelid
      where c.relname like '%idx%' order by 1`)

  /** Keeps a transaction open that CREATE INDEX CONCURRENTLY has to wait for. */
  async function whileWriting(folder: MigrationFolder, act: () => Promise<void>): Promise<void> {
    await folder.server.connect(async (connection) => {
      await connection.query('begin; insert into a values (1000)')
      await act()
      await connection.query('commit')
    }, folder.database)
  }

  const building = (folder: MigrationFolder) =>
    until(async () => (await folder.query('select 1 from pg_index where not indisvalid')).length > 0, {
      deadline: 30_000,
      what: 'the build of the index to begin',
    })

  const table = 'create table a (b int); insert into a select generate_series(1, 100);'

  test('a failed unique index leaves none behind, keeps what was before it, and the next run goes on there', async () => {
    const folder = await make()
    folder.write({
      '1_a.sql': `create table a (b int);\ninsert into a values (1), (1);\ncreate unique index concurrently if not exists a_idx on a (b);\ninsert into a values (2);`,
    })
    for (let round = 0; round < 2; round++) {
      const failure = failureOf(await folder.up())
      assert.is(failure.code, 'migration-failed')
      assert.match(failure.message, 'could not create unique index "a_idx"')
      assert.equal(failure.place, { file: 'migrations/1_a.sql', line: 3, column: 1 })
      assert.match(failure.why ?? '', 'its first 2 statements are in the database and recorded')
      assert.equal(await indexes(folder), [])
      assert.equal(await folder.applied(), [])
    }
    await folder.query('delete from a where ctid = (select min(ctid) from a)')
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await indexes(folder), [{ name: 'a_idx', valid: true }])
    assert.equal(await folder.query('select b from a order by b'), [{ b: 1 }, { b: 2 }])
    assert.equal(await folder.query('select * from vital_ops.migration_progress'), [])
  })

  test('an invalid index that somebody else left under that name is replaced, not taken for the wanted one', async () => {
    const folder = await make()
    await folder.query('create table a (b int); insert into a values (1), (1)')
    await folder.query('create unique index concurrently a_idx on a (b)').catch(() => {})
    assert.equal(await indexes(folder), [{ name: 'a_idx', valid: false }])
    await folder.query('delete from a where ctid = (select min(ctid) from a)')
    folder.write({ '1_a.sql': 'create unique index concurrently if not exists a_idx on a (b)' })
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await indexes(folder), [{ name: 'a_idx', valid: true }])
  })

  test('several concurrent statements in one file, and one that was already there', async () => {
    const folder = await make()
    await folder.query(`${table} create index there_idx on a (b)`)
    folder.write({
      '1_a.sql':
        'create index concurrently on a (b);\ncreate index concurrently if not exists there_idx on a (b);\ndrop index concurrently there_idx;\nvacuum a;\nreindex table concurrently a;\nanalyze a;',
    })
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await indexes(folder), [{ name: 'a_b_idx', valid: true }])
  })

  test('a migrator that waits while another builds concurrently does not block it', async () => {
    const folder = await make()
    folder.write({ '1_a.sql': table })
    unwrap(await folder.up())
    folder.write({ '2_b.sql': 'create index concurrently a_idx on a (b)' })
    const lines: string[] = []
    let both: Promise<unknown[]> | undefined
    await whileWriting(folder, async () => {
      const first = folder.up()
      await building(folder)
      const second = folder.up({ output: (line) => lines.push(line) })
      both = Promise.all([first, second])
      await until(() => lines.some((line) => line.startsWith('waiting for')), {
        deadline: 30_000,
        what: 'the second one to wait',
      })
    })
    assert.equal(
      (await both)?.flatMap((result) => unwrap(result as never)),
      ['2'],
    )
    assert.equal(await indexes(folder), [{ name: 'a_idx', valid: true }])
  })

  test('kill -9 during a concurrent build: the server ends it, the next run builds it', async () => {
    const folder = await make()
    folder.write({ '1_a.sql': table })
    unwrap(await folder.up())
    folder.write({
      '2_b.sql': 'insert into a values (0);\ncreate index concurrently on a (b);\ninsert into a values (-1);',
    })
    await whileWriting(folder, async () => {
      const migrator = startMigrator(import.meta.url, folder.target)
      await building(folder)
      migrator.child.kill('SIGKILL')
      await migrator.ended
    })
    assert.equal(unwrap(await folder.up()), ['2'])
    assert.equal(await indexes(folder), [{ name: 'a_b_idx', valid: true }])
    assert.equal(await folder.query('select b from a where b < 1 order by b'), [{ b: -1 }, { b: 0 }])
    assert.ok(folder.lines.some((line) => line.includes('going on with statement 2 of 3')))
  })

  /** Kills a migrator in the middle of its concurrent build, and waits until the server has noticed. */
  async function killWhileBuilding(folder: MigrationFolder): Promise<void> {
    await whileWriting(folder, async () => {
      const migrator = startMigrator(import.meta.url, folder.target)
      await building(folder)
      migrator.child.kill('SIGKILL')
      await migrator.ended
      await gone(folder)
    })
  }

  test('kill -9 between a build and its record: the index is found and not built again', async () => {
    const folder = await make()
    await folder.query(table)
    folder.write({ '1_a.sql': 'create index concurrently a_idx on a (b);\ninsert into a values (-7);' })
    await killWhileBuilding(folder)
    // What it would be if the server had come to the end of the build.
    await folder.query('drop index a_idx; create index a_idx on a (b)')
    const built = await folder.query("select 'a_idx'::regclass::oid::int8::text as oid")
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.ok(folder.lines.some((line) => line.includes('statement 1 had been done by a run that was cut off')))
    assert.equal(await folder.query("select 'a_idx'::regclass::oid::int8::text as oid"), built)
    assert.equal(await folder.query('select b from a where b < 0'), [{ b: -7 }])
  })

  test('after a kill the statement that failed may be mended, its half-built index is dropped', async () => {
    const folder = await make()
    await folder.query(table)
    folder.write({ '1_a.sql': 'insert into a values (-1);\ncreate index concurrently on a (b);' })
    await killWhileBuilding(folder)
    assert.equal(await indexes(folder), [{ name: 'a_b_idx', valid: false }])
    folder.write({ '1_a.sql': 'insert into a values (-1);\ncreate index concurrently other_idx on a (b) where b > 0;' })
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await indexes(folder), [{ name: 'other_idx', valid: true }])
    assert.equal(await folder.query('select b from a where b < 0'), [{ b: -1 }])
  })

  test('what has run of a begun migration must not be changed', async () => {
    const folder = await make()
    const rest = 'vacuum nothing;\nselect 1;'
    folder.write({ '1_a.sql': `create table a (b int);\n${rest}` })
    assert.is(failureOf(await folder.up()).code, 'migration-failed')
    folder.write({ '1_a.sql': `create table a (b bigint);\n${rest}` })
    const failure = failureOf(await folder.up())
    assert.equal([failure.code, failure.outcome], ['migration-progress-changed', 'unchanged'])
    folder.write({ '1_a.sql': '-- a comment\ncreate table a (b int);\nvacuum a;' })
    assert.equal(unwrap(await folder.up()), ['1'])
  })

  test('settings of the session hold for the rest of the file also when another run goes on', async () => {
    const folder = await make()
    folder.write({
      '1_a.sql':
        'create schema s;\nset search_path = s;\ncreate table a (b int);\nvacuum nothing;\ncreate table c (b int);',
    })
    assert.is(failureOf(await folder.up()).code, 'migration-failed')
    folder.write({
      '1_a.sql': 'create schema s;\nset search_path = s;\ncreate table a (b int);\nvacuum a;\ncreate table c (b int);',
    })
    assert.equal(unwrap(await folder.up()), ['1'])
    const tables = await folder.query("select relname from pg_class where relnamespace = 's'::regnamespace order by 1")
    assert.equal(tables, [{ relname: 'a' }, { relname: 'c' }])
  })

  test('a concurrent drop and a detached partition that a killed run had done are taken as done', async () => {
    const folder = await make()
    await folder.query(`create table a (b int) partition by range (b);
      create table a1 partition of a for values from (0) to (10); create table c (d int); create index d_idx on c (d)`)
    folder.write({ '1_a.sql': 'drop index concurrently d_idx;' })
    await cutOff(folder, 'c')
    await folder.query('drop index if exists d_idx')
    assert.equal(unwrap(await folder.up()), ['1'])
    folder.write({ '2_b.sql': 'alter table a detach partition a1 concurrently;' })
    await cutOff(folder, 'a')
    // The server may have come to its end before it noticed the kill.
    const attached = await folder.query("select 1 from pg_inherits where inhrelid = 'a1'::regclass")
    if (attached.length > 0) await folder.query('alter table a detach partition a1')
    assert.equal(unwrap(await folder.up()), ['2'])
    assert.ok(folder.lines.some((line) => line.includes('going on with statement 1 of 1')))
  })

  test('a detached partition that a killed run left half-way is finalised', async () => {
    const folder = await make()
    await folder.query(
      `create table a (b int) partition by range (b); create table a1 partition of a for values from (0) to (10)`,
    )
    folder.write({ '1_a.sql': 'alter table a detach partition a1 concurrently;' })
    await folder.server.connect(async (connection) => {
      // A transaction that has the table in use keeps the second half from happening.
      await connection.query('begin isolation level repeatable read; select * from a')
      const migrator = startMigrator(import.meta.url, folder.target)
      await until(async () => (await folder.query('select 1 from pg_inherits where inhdetachpending')).length > 0, {
        deadline: 30_000,
        what: 'the first half',
      })
      migrator.child.kill('SIGKILL')
      await migrator.ended
      await gone(folder)
      await connection.query('commit')
    }, folder.database)
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await folder.query("select 1 from pg_inherits where inhrelid = 'a1'::regclass"), [])
  })

  const gone = (folder: MigrationFolder) =>
    until(
      async () =>
        (await folder.query("select 1 from pg_stat_activity where application_name = 'vital-ops/test-run'")).length ===
        0,
      { deadline: 30_000, what: 'the session to end' },
    )

  /** Kills a migrator after it announced its statement and before that has an effect: a lock on a table keeps it waiting. */
  async function cutOff(folder: MigrationFolder, table: string): Promise<void> {
    await folder.server.connect(async (connection) => {
      await connection.query(`begin; lock table ${table} in access exclusive mode`)
      const migrator = startMigrator(import.meta.url, folder.target)
      await until(
        async () =>
          (await folder.query("select 1 from pg_class where relname = 'migration_progress'")).length > 0 &&
          (await folder.query('select 1 from vital_ops.migration_progress where begun = 0')).length > 0,
        { deadline: 30_000, what: 'the announcement' },
      )
      migrator.child.kill('SIGKILL')
      await migrator.ended
      await connection.query('commit')
    }, folder.database)
    await gone(folder)
  }

  test.run()
}

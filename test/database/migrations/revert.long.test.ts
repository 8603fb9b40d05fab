import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../../lib/database/connect.ts'
import { readMigrations } from '../../../lib/database/files.ts'
import { migrationStatus } from '../../../lib/database/migrations/compare.ts'
import { editLedger } from '../../../lib/database/migrations/edit-ledger.ts'
import { type HistoryTool, readHistory } from '../../../lib/database/migrations/history.ts'
import { readLedger } from '../../../lib/database/migrations/ledger.ts'
import { revertMigrations } from '../../../lib/database/migrations/revert.ts'
import { ok, type Result, unwrap } from '../../../lib/model/failure.ts'
import { addressOf, impatient, MigrationFolder } from '../support/migrator.ts'
import { failureOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
const make = () => MigrationFolder.make(server)

test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

const filesOf = async (folder: MigrationFolder) => unwrap(await readMigrations(folder.root, 'migrations'))
const optionsOf = (folder: MigrationFolder) => ({
  root: folder.root,
  output: (line: string) => void folder.lines.push(line),
  patience: impatient,
})

/** Undoes these versions, in this order. */
async function down(folder: MigrationFolder, versions: string[]): Promise<Result<string[]>> {
  const files = await filesOf(folder)
  const wanted = versions.flatMap((version) => files.filter((file) => file.version === version))
  return withDatabase(addressOf(folder.target), (connection) => revertMigrations(connection, wanted, optionsOf(folder)))
}

const tables = async (folder: MigrationFolder) =>
  (await folder.query("select tablename from pg_tables where schemaname = 'public' order by 1")).map((r) => r.tablename)

test('down parts of three formats run in one transaction with their row, and up applies them again', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql': '-- migrate:up\ncreate table a (b int);\n-- migrate:down\ndrop table a;\n',
    '2_b.up.sql': 'create table b (b int);',
    '2_b.down.sql': 'drop table b;',
    'V3__c.sql': 'create table c (b int);',
    'U3__c.sql': 'drop table c;',
    'R__v.sql': 'create or replace view v as select 1 as one;',
  })
  assert.equal(unwrap(await folder.up()), ['1', '2', '3', 'R__v'])
  assert.equal(unwrap(await down(folder, ['3', '2'])), ['3', '2'])
  assert.equal(await tables(folder), ['a'])
  assert.equal(await folder.applied(), ['1', 'R__v'])
  assert.equal(unwrap(await folder.up()), ['2', '3'])
  assert.equal(await tables(folder), ['a', 'b', 'c'])
})

test('a down part that fails leaves the migration applied; only the last applied ones are undone', async () => {
  const folder = await make()
  folder.write({
    '1_a.sql': '-- migrate:up\ncreate table a (b int);\n-- migrate:down\ndrop table a;\nselect 1/0;\n',
    '2_b.sql': '-- migrate:up\ncreate table b (b int);\n-- migrate:down\n-- nothing\n',
    '3_c.sql': 'select 1',
  })
  unwrap(await folder.up())
  assert.is(failureOf(await down(folder, ['1'])).code, 'changed-meanwhile')
  assert.is(failureOf(await down(folder, ['3'])).code, 'migration-no-down')
  assert.is((await filesOf(folder))[1]?.down, undefined)
  folder.write({ '2_b.sql': undefined, '3_c.sql': undefined })
  await folder.query("delete from vital_ops.migrations where version <> '1'")
  const failure = failureOf(await down(folder, ['1']))
  assert.is(failure.code, 'migration-failed')
  assert.is(failure.place?.line, 5)
  assert.equal(await tables(folder), ['a', 'b'])
  assert.equal(await folder.applied(), ['1'])
})

test('a down part with CONCURRENTLY goes on at the statement that failed', async () => {
  const folder = await make()
  const up = '-- migrate:up\ncreate table a (b int);\ncreate index a_idx on a (b);\n'
  folder.write({
    '1_a.sql': `${up}-- migrate:down\ninsert into a values (1);\ndrop index concurrently a_idx;\ninsert into a values (1/(select count(*) from a where b = 7));\n`,
  })
  unwrap(await folder.up())
  const failure = failureOf(await down(folder, ['1']))
  assert.match(failure.why ?? '', /its first 2 statements are in the database and recorded/)
  await folder.query('insert into a values (7)')
  assert.equal(unwrap(await down(folder, ['1'])), ['1'])
  assert.equal(await folder.query('select b from a order by b'), [{ b: 1 }, { b: 1 }, { b: 7 }])
  assert.equal(await folder.query('select * from vital_ops.migration_progress'), [])
})

test('a file with only a down part is refused; it is never run', async () => {
  const folder = await make()
  folder.write({ '1_a.up.sql': 'create table a (b int)', '2_b.down.sql': 'drop table a' })
  assert.is(failureOf(await folder.up()).code, 'migration-down-alone')
  folder.write({ '2_b.down.sql': undefined, '1_x.down.sql': 'drop table a', 'U1__y.sql': 'drop table a' })
  assert.is(failureOf(await folder.up()).code, 'migration-duplicate')
})

test('a repeatable migration runs again when its text is another one, and only then', async () => {
  const folder = await make()
  folder.write({ 'R__v.sql': 'create or replace view v as select 1 as one;', 'V1__a.sql': 'select 1' })
  assert.equal(unwrap(await folder.up()), ['1', 'R__v'])
  assert.equal(unwrap(await folder.up()), [])
  folder.write({ 'R__v.sql': 'create or replace view v as select 2 as one;', 'V2__b.sql': 'select 1' })
  assert.equal(unwrap(await folder.up()), ['2', 'R__v'])
  assert.equal(await folder.query('select one from v'), [{ one: 2 }])
})

const statesOf = async (folder: MigrationFolder) => {
  const files = await filesOf(folder)
  const ledger = unwrap(
    await withDatabase(addressOf(folder.target), async (connection) => ok(await readLedger(connection))),
  )
  return migrationStatus(files, ledger.applied, ledger)
}

test('all six states, each with what to do', async () => {
  const folder = await make()
  folder.write({ '10_a.sql': 'select 1', '20_b.sql': 'select 2', '30_c.sql': 'select 3' })
  unwrap(await folder.up())
  folder.write({ '40_d.sql': 'create table d (e int);\nselect 1/0;', '50_e.sql': 'select 5' })
  assert.is(failureOf(await folder.up()).code, 'migration-failed')
  folder.write({ '20_b.sql': 'select 22', '30_c.sql': undefined, '15_late.sql': 'select 15' })
  const rows = await statesOf(folder)
  assert.equal(
    rows.map(({ version, state }) => `${version} ${state}`),
    ['10 applied', '15 out-of-order', '20 changed', '30 missing', '40 failed', '50 pending'],
  )
  assert.match(rows[4]?.failure ?? '', /division by zero/)
  assert.equal(
    rows.map(({ action }) => action !== undefined),
    [false, true, true, true, true, true],
  )
  folder.write({ '20_b.sql': 'select 2', '30_c.sql': 'select 3', '15_late.sql': undefined, '40_d.sql': 'select 4' })
  assert.equal(unwrap(await folder.up()), ['40', '50'])
  assert.ok((await statesOf(folder)).every(({ state }) => state === 'applied'))
})

async function importOf(folder: MigrationFolder, tool: HistoryTool) {
  const files = await filesOf(folder)
  return withDatabase(addressOf(folder.target), async (connection) => {
    const history = await readHistory(connection, tool, files, { root: folder.root })
    if (!history.ok) return history
    const edits = { reason: `imported from ${tool}`, record: history.value.entries, accept: [], forget: [] }
    const data = { ...edits, service: 'x', database: 'x', source: { kind: 'working-tree' as const } }
    const changed = await editLedger(connection, data, optionsOf(folder))
    return changed.ok
      ? ok({ changed: changed.value, findings: history.value.findings.map(({ rule }) => rule) })
      : changed
  })
}

test("dbmate's history is taken over, nothing is run; a version without a file is said", async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'select 1/0', '2_b.sql': 'select 1/0', '3_c.sql': 'create table c (d int)' })
  await folder.query(
    "create table schema_migrations (version varchar(128) primary key); insert into schema_migrations values ('1'), ('2'), ('9')",
  )
  assert.equal(unwrap(await importOf(folder, 'dbmate')), { changed: 2, findings: ['migration-missing'] })
  assert.equal(unwrap(await importOf(folder, 'dbmate')).changed, 0)
  assert.equal(unwrap(await folder.up()), ['3'])
  const [row] = await folder.query("select applied_by from vital_ops.migrations where version = '1'")
  assert.match(String(row?.applied_by), /^imported from dbmate by /)
  assert.is(failureOf(await importOf(folder, 'golang-migrate')).code, 'history-other-tool')
  assert.is(failureOf(await importOf(folder, 'flyway')).code, 'history-missing')
})

test("golang-migrate's: all up to its version; dirty is refused", async () => {
  const folder = await make()
  folder.write({ '000001_a.up.sql': 'select 1/0', '000002_b.up.sql': 'select 1/0', '000003_c.up.sql': 'select 1' })
  await folder.query(
    'create table schema_migrations (version bigint primary key, dirty boolean not null); insert into schema_migrations values (2, true)',
  )
  assert.equal(unwrap(await importOf(folder, 'golang-migrate')), { changed: 0, findings: ['history-dirty'] })
  await folder.query('update schema_migrations set dirty = false')
  assert.is(failureOf(await importOf(folder, 'dbmate')).code, 'history-other-tool')
  assert.equal(unwrap(await importOf(folder, 'golang-migrate')), { changed: 2, findings: [] })
  assert.equal(unwrap(await folder.up()), ['000003'])
})

test("flyway's: baseline, checksums, undone and repeatable ones, with the times of then", async () => {
  const folder = await make()
  folder.write({
    'V1__a.sql': 'select 1/0',
    'V2__b.sql': '123456789',
    'V3__c.sql': 'select 1',
    'R__v.sql': '123456789',
    'R__w.sql': 'create view w as select 1',
  })
  await folder.query(`create table flyway_schema_history (installed_rank int primary key, version varchar(50), description varchar(200), type varchar(20),
    script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp default now(), execution_time int, success boolean);
    insert into flyway_schema_history values
    (1, '1', 'base', 'BASELINE', '<< Flyway Baseline >>', null, 'x', '2024-01-02', 0, true),
    (2, '2', 'b', 'SQL', 'V2__b.sql', ${0xcbf43926 | 0}, 'x', '2024-01-03', 0, true),
    (3, '3', 'c', 'SQL', 'V3__c.sql', 1, 'x', now(), 0, true),
    (4, '3', 'c', 'UNDO_SQL', 'U3__c.sql', 1, 'x', now(), 0, true),
    (5, null, 'v', 'SQL', 'R__v.sql', ${0xcbf43926 | 0}, 'x', now(), 0, true),
    (6, null, 'w', 'SQL', 'R__w.sql', 77, 'x', now(), 0, true)`)
  assert.equal(unwrap(await importOf(folder, 'flyway')), { changed: 3, findings: [] })
  assert.equal(await folder.applied(), ['1', '2', 'R__v'])
  const [row] = await folder.query(
    "select extract(year from applied_at)::int as year from vital_ops.migrations where version = '2'",
  )
  assert.is(row?.year, 2024)
  assert.equal(unwrap(await folder.up()), ['3', 'R__w'])
  await folder.query("update flyway_schema_history set checksum = 5 where version = '2'")
  assert.equal(unwrap(await importOf(folder, 'flyway')).findings, ['migration-changed'])
})

test('repair: a changed file counts as it is, a missing one is forgotten; another change meanwhile is refused', async () => {
  const folder = await make()
  folder.write({ '1_a.sql': 'select 1', '2_b.sql': 'select 2' })
  unwrap(await folder.up())
  const [before] = await filesOf(folder)
  folder.write({ '1_a.sql': 'select 11', '2_b.sql': undefined })
  const [file] = await filesOf(folder)
  if (before === undefined || file === undefined) throw new Error('no files')
  const repair = (from: string) =>
    withDatabase(addressOf(folder.target), (connection) =>
      editLedger(
        connection,
        {
          ...{ service: 'x', database: 'x', source: { kind: 'working-tree' }, reason: 'repair', record: [] },
          accept: [{ file, from }],
          forget: ['2'],
        },
        optionsOf(folder),
      ),
    )
  assert.is(failureOf(await repair('0'.repeat(64))).code, 'changed-meanwhile')
  assert.equal(await folder.applied(), ['1', '2'])
  assert.is(unwrap(await repair(before.sha256)), 2)
  assert.equal(
    (await statesOf(folder)).map(({ state }) => state),
    ['applied'],
  )
  assert.is(unwrap(await repair(before.sha256)), 0)
})

test.run()

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../../lib/database/connect.ts'
import { readMigrations } from '../../../lib/database/files.ts'
import { KnownFiles } from '../../../lib/database/known-files.ts'
import { lintTyped } from '../../../lib/database/lint/lint.ts'
import { migrationStatus } from '../../../lib/database/migrations/compare.ts'
import { readLedger } from '../../../lib/database/migrations/ledger.ts'
import { revertMigrations } from '../../../lib/database/migrations/revert.ts'
import { planScripts } from '../../../lib/database/migrations/scripts-of-plan.ts'
import { ok, unwrap } from '../../../lib/model/failure.ts'
import { timeLimit, until } from '../../support/index.ts'
import { isMigrator, runMigrator, startMigrator } from '../support/child.ts'
import { addressOf, impatient, MigrationFolder } from '../support/migrator.ts'
import { failureOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
const make = () => MigrationFolder.make(server)

const create = `import { tableName, type Row } from './support/names.ts'
export default {
  effect: 'expand' as const,
  async up({ sql, identifier, log }) {
    await sql\`create table \${identifier(tableName)} (id int primary key, label text)\`
    const rows: Row[] = [{ id: 1, label: "it's" }, { id: 2, label: '$1; --' }]
    for (const { id, label } of rows) await sql\`insert into \${identifier('public', tableName)} values (\${id}, \${label})\`
    const [{ n }] = await sql\`select count(*)::int as n from \${identifier(tableName)}\`
    log(\`\${n} rows\`)
  },
  async down({ query }) {
    await query('drop table "Two Words"; select 1')
  },
}
`
const names = "export type Row = { id: number; label: string }\nexport const tableName = 'Two Words'\n"

const revert = (folder: MigrationFolder) =>
  withDatabase(addressOf(folder.target), async (connection) => {
    const files = unwrap(await readMigrations(folder.root, 'migrations'))
    return revertMigrations(connection, files.slice(-1), { root: folder.root, output: () => {}, patience: impatient })
  })

const typedSuite = () => {
  test.before(async () => {
    server = await startServer()
  })
  test.after(() => server?.dispose())

  test('up and down run with values and names, in one transaction with the row of the ledger', async () => {
    const folder = await make()
    folder.write({ '1_create.ts': create, 'migrations/support/names.ts': names, '2_index.sql': 'select 1' })
    assert.equal(unwrap(await folder.up()), ['1', '2'])
    assert.equal(await folder.query('select id, label from "Two Words" order by id'), [
      { id: 1, label: "it's" },
      { id: 2, label: '$1; --' },
    ])
    assert.ok(folder.lines.includes('2 rows'), String(folder.lines))
    const [row] = await folder.query("select * from vital_ops.migrations where version = '1'")
    assert.equal([row?.name, row?.effect, row?.statements], ['create', 'expand', 4])
    assert.match(String(row?.source), 'tableName, type Row }')
    assert.match(String(row?.source), "tableName = 'Two Words'")
    assert.equal(unwrap(await folder.up()), [])
    folder.write({ '2_index.sql': undefined })
    await folder.query("delete from vital_ops.migrations where version = '2'")
    assert.equal(unwrap(await revert(folder)), ['1'])
    assert.equal(await folder.query("select 1 from pg_class where relname = 'Two Words'"), [])
    assert.equal(await folder.applied(), [])
    // What was loaded is not left on the disk.
    assert.equal(readdirSync(join(folder.root, '.ops/cache/migrations')), [])
  })

  test('a change of the file, or of what it imports, is found, with its place; that of a type is none of a statement', async () => {
    const folder = await make()
    folder.write({ '1_create.ts': create, 'migrations/support/names.ts': names })
    unwrap(await folder.up())
    folder.write({ '1_create.ts': create.replace('label text', 'label  text') })
    const own = failureOf(await folder.up())
    assert.equal([own.code, own.place?.file, own.place?.line], ['migration-changed', 'migrations/1_create.ts', 5])
    folder.write({ '1_create.ts': create, 'migrations/support/names.ts': names.replace('Two Words', 'two words') })
    const imported = failureOf(await folder.up())
    assert.equal(imported.place, { file: 'migrations/support/names.ts', line: 2, column: 27 })
    assert.match(imported.why ?? '', 'Two Words')
    folder.write({ 'migrations/support/names.ts': names.replaceAll('\n', '\r\n') })
    assert.equal(unwrap(await folder.up()), [])
  })

  test('a file says how long its statements may take, whatever the environment says', async () => {
    const folder = await make()
    const sleeps = (timeout: string, seconds: number) =>
      `export default { effect: 'expand', statementTimeout: '${timeout}', up: ({ sql }) => sql\`select pg_sleep(${seconds})\` }\n`
    folder.write({ '1_a.ts': sleeps('50ms', 60) })
    const stopped = failureOf(await folder.up())
    assert.match(`${stopped.message} ${stopped.why}`, 'statement timeout')
    folder.write({ '1_a.ts': sleeps('none', 0.3) })
    assert.equal(unwrap(await folder.up({ statementTimeoutMs: 50 })), ['1'])
    folder.write({ '2_b.ts': sleeps('soon', 0) })
    assert.match(failureOf(await folder.up()).message, 'statementTimeout')
  })

  test('an error rolls all of it back, and names the statement', async () => {
    const folder = await make()
    folder.write({
      '1_bad.ts': `export const effect = 'expand'
export async function up({ sql }) {
  await sql\`create table a (b int)\`
  await sql\`insert into a
  (nothing) values (\${1})\`
}
`,
    })
    const failure = failureOf(await folder.up())
    assert.is(failure.message, 'migration 1 bad: column "nothing" of relation "a" does not exist (SQLSTATE 42703)')
    assert.equal(failure.place, { file: 'migrations/1_bad.ts' })
    assert.is(failure.source, '  (nothing) values ($1)')
    assert.match(failure.why ?? '', 'nothing of this migration is in the database')
    assert.equal(await folder.query("select 1 from pg_class where relname = 'a'"), [])
    folder.write({
      '1_bad.ts': "export const effect = 'expand'\nexport const up = () => { throw new Error('no way') }",
    })
    assert.match(failureOf(await folder.up()).message, 'migration 1 bad: no way')
    assert.equal(await folder.applied(), [])
  })

  test('a statement that nobody waits for is done all the same, and its failure is the migration’s', async () => {
    const folder = await make()
    const text = (transaction: boolean, table: string) =>
      `export default { effect: 'expand', transaction: ${transaction}, up: ({ sql }) => { sql\`create table ${table} (b int)\`; sql\`insert into ${table} values ('x')\` } }`
    folder.write({ '1_a.ts': text(true, 'a') })
    assert.match(failureOf(await folder.up()).message, 'invalid input syntax')
    assert.equal(await folder.query("select 1 from pg_class where relname = 'a'"), [])
    folder.write({ '1_a.ts': text(false, 'a') })
    assert.match(failureOf(await folder.up()).message, 'invalid input syntax')
    assert.equal(await folder.applied(), [])
  })

  test('BEGIN and COMMIT are refused; savepoints are not', async () => {
    const folder = await make()
    const up = (text: string) =>
      `export default { effect: 'expand', async up({ query }) { await query('create table a (b int)'); ${text} } }`
    for (const word of ['commit', '/* x */ ROLLBACK', 'select 1; begin']) {
      folder.write({ '1_a.ts': up(`await query(${JSON.stringify(word)})`) })
      assert.is(failureOf(await folder.up()).code, 'migration-transaction-control', word)
      assert.equal(await folder.query("select 1 from pg_class where relname = 'a'"), [])
    }
    folder.write({
      '1_a.ts': up(
        "await query('savepoint s'); await query('insert into a values (7), (null::int/0)').catch(() => query('rollback to savepoint s'))",
      ),
    })
    assert.equal(unwrap(await folder.up()), ['1'])
  })

  test('transaction: false: an index is built concurrently, an invalid one is dropped before; what fails begins anew', async () => {
    const folder = await make()
    await folder.query('create table a (b int)')
    await folder.query('insert into a values (1), (1)')
    const text = `export default { effect: 'expand', transaction: false, async up({ sql }) {
      await sql\`create table if not exists done (b int)\`
      await sql\`create unique index concurrently if not exists a_b on a (b)\`
    } }`
    folder.write({ '1_index.ts': text })
    assert.match(failureOf(await folder.up()).why ?? '', 'transaction: false')
    assert.equal(await folder.query('select 1 from pg_index where not indisvalid'), [])
    const files = unwrap(await readMigrations(folder.root, 'migrations'))
    const status = async () =>
      unwrap(
        await withDatabase(addressOf(folder.target), async (connection) => {
          const ledger = await readLedger(connection)
          return ok(migrationStatus(files, ledger.applied, ledger)[0])
        }),
      )
    assert.is((await status())?.state, 'failed')
    assert.match((await status())?.action ?? '', 'begins with the first statement again')
    // One that somebody else has left, of the same name.
    await folder.query('create unique index concurrently a_b on a (b)').catch(() => {})
    assert.is((await folder.query('select 1 from pg_index where not indisvalid')).length, 1)
    await folder.query('delete from a where ctid = (select min(ctid) from a)')
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await folder.query("select indisvalid from pg_index where indexrelid = 'a_b'::regclass"), [
      { indisvalid: true },
    ])
    assert.is((await status())?.state, 'applied')
    assert.equal(await folder.query('select 1 from vital_ops.migration_progress'), [])
  })

  test('killed in the middle: nothing of it stays, and the next run applies it once', async () => {
    const folder = await make()
    await folder.query('create table gate (n int)')
    folder.write({
      '1_slow.ts': `export const effect = 'expand'
export async function up({ sql, log }) {
  await sql\`create table a (b int)\`
  log('half of it is done')
  const [{ n }] = await sql\`select count(*)::int as n from gate\`
  await sql\`select pg_sleep(\${n === 0 ? 60 : 0})\`
}
`,
    })
    const migrator = startMigrator(import.meta.url, folder.target)
    await until(() => migrator.stdout().includes('half of it is done'), {
      what: 'the first statement',
      deadline: 60_000,
    })
    migrator.child.kill('SIGKILL')
    await migrator.ended
    assert.equal(await folder.query("select 1 from pg_class where relname = 'a'"), [])
    await folder.query('insert into gate values (1)')
    assert.equal(unwrap(await folder.up()), ['1'])
    assert.equal(await folder.applied(), ['1'])
  })

  test('what is no migration is said before anything runs', async () => {
    const folder = await make()
    const wrong: [string, RegExp][] = [
      ['export default {}', /`up` is no function/],
      ['export default { up() {} }', /does not say its `effect`/],
      ["export default { effect: 'expand', up() {}, down: 3 }", /`down` is no function/],
      ["export default { effect: 'expand', up() {}, transaction: 'no' }", /neither true nor false/],
      ["export default { effect: 'expand', up() {}, donw() {} }", /has `donw`/],
      ['export default {', /Expected/],
      ["import 'not-installed-anywhere'\nexport default { effect: 'expand', up() {} }", /cannot be loaded/],
    ]
    for (const [text, message] of wrong) {
      folder.write({ '1_a.ts': text })
      const failure = failureOf(await readMigrations(folder.root, 'migrations'))
      assert.is(failure.code, 'migration-format', text)
      assert.match(failure.message, message)
      assert.is(failure.place?.file, 'migrations/1_a.ts')
    }
    folder.write({ '1_a.ts': 'export {}', 'helper.ts': 'export {}' })
    const result = await readMigrations(folder.root, 'migrations')
    assert.is(
      !result.ok &&
        result.failures.some(({ code, next }) => code === 'migration-name' && next?.[0]?.includes('support/helper.ts')),
      true,
    )
  })

  test('what is known of one is kept as long as no file of it changes; lint and the dry run say what they cannot see', async () => {
    const folder = await make()
    const note = join(folder.root, 'known.json')
    const read = async () => unwrap(await readMigrations(folder.root, 'migrations', await KnownFiles.read(note)))
    const text = (effect: string) =>
      `import { effect } from './support/names.ts'\nglobalThis.loadedTyped = (globalThis.loadedTyped ?? 0) + 1\nexport { effect }\nexport const up = () => {}\nexport const more = '${effect}'\n`
    folder.write({ '1_a.ts': text(''), 'migrations/support/names.ts': "export const effect = 'expand'\n" })
    const loaded = () => (globalThis as { loadedTyped?: number }).loadedTyped
    const [first] = await read()
    assert.equal([first?.effect, first?.down, loaded()], ['expand', undefined, 1])
    assert.equal(await read(), [first])
    assert.is(loaded(), 1)
    folder.write({ 'migrations/support/names.ts': "export const effect = 'breaking'\n" })
    const [second] = await read()
    assert.equal([second?.effect, loaded()], ['breaking', 2])
    assert.is.not(second?.sha256, first?.sha256)
    assert.equal(
      lintTyped(second as never).map(({ rule }) => rule),
      ['not-looked-into', 'missing-down'],
    )
    const op = { kind: 'apply-migrations', data: { files: [second], pending: ['1'] } }
    assert.is(
      unwrap(await planScripts({ ops: [op] } as never, folder.root)),
      '-- migrations/1_a.ts (breaking): TypeScript, whose statements are known only when it runs\n',
    )
  })
}

if (isMigrator) await runMigrator()
else {
  timeLimit(120_000)
  typedSuite()
  test.run()
}

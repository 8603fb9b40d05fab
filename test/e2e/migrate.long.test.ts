import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(240_000)

/** The tests go on from each other. */
let world: World

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
  await expectExit(0, world, ['setup', 'dev'])
})
test.after(() => world.end())

type Status = { migrations: { version: string; state: string; appliedBy?: string; action?: string }[] }
const states = async () =>
  (await world.json<{ result: Status }>(['migrate', 'status', 'dev'])).result.migrations.map(
    ({ version, state }) => `${version} ${state}`,
  )
const migration = (table: string) =>
  `-- migrate:up\ncreate table ${table} (b int);\n-- migrate:down\ndrop table ${table};\n`

test('a word that is neither a command nor an environment is refused, with the nearest command', async () => {
  assert.match(await expectExit(2, world, ['migrate', 'stauts']), /unknown command migrate stauts[\s\S]*migrate status/)
  assert.match(await expectExit(2, world, ['migrate', 'frobnicate']), /migrate has up, down, redo/)
  await expectExit(3, world, ['migrate', 'up', 'nowhere'])
})

test('new writes a file after all others; up --steps and --to go no further; the dry run shows the exact SQL and writes nothing', async () => {
  assert.equal(await states(), ['001 applied'])
  const made = await world.json<{ result: { files: string[] } }>(['migrate', 'new', 'Add labels'])
  assert.equal(made.result.files, ['database/migrations/002_add_labels.sql'])
  await world.write('database/migrations/002_add_labels.sql', migration('labels'))
  await world.write('database/migrations/003_colours.sql', migration('colours'))
  await world.write(
    'database/migrations/004_index.sql',
    '-- migrate:up\ncreate index concurrently labels_b on labels (b);\n-- migrate:down\ndrop index concurrently labels_b;\n',
  )
  const runs = () => readdirSync(join(world.folder, '.ops/runs')).length
  const before = runs()
  const dry = await expectExit(0, world, ['migrate', 'up', '--dry-run'])
  assert.match(dry, /begin;\ncreate table labels \(b int\);\ncommit;/)
  assert.match(
    dry,
    /no single transaction \(CREATE INDEX CONCURRENTLY\)\ncreate index concurrently labels_b on labels \(b\);\n/,
  )
  assert.is(runs(), before)
  await expectExit(0, world, ['migrate', 'up', '--steps', '1'])
  assert.equal(await states(), ['001 applied', '002 applied', '003 pending', '004 pending'])
  await expectExit(0, world, ['migrate', 'up', '--to', '3'])
  assert.equal(await states(), ['001 applied', '002 applied', '003 applied', '004 pending'])
  assert.match(await expectExit(3, world, ['migrate', 'up', '--to', '7']), /there is no migration 7/)
  await expectExit(0, world, ['migrate'])
  assert.match(await expectExit(0, world, ['migrate']), /nothing is pending/)
})

test('down and redo ask, then undo the last applied ones; one without a down part is refused beforehand', async () => {
  const refused = await world.task(['migrate', 'down'])
  assert.is(refused.status, 3, refused.stdout + refused.stderr)
  assert.match(
    await expectExit(0, world, ['migrate', 'down', '--dry-run', '--steps', '2']),
    /drop index concurrently labels_b;[\s\S]*drop table colours;/,
  )
  assert.equal(await states(), ['001 applied', '002 applied', '003 applied', '004 applied'])
  await expectExit(0, world, ['migrate', 'redo', '--yes'])
  assert.equal(await states(), ['001 applied', '002 applied', '003 applied', '004 applied'])
  assert.match(await expectExit(0, world, ['migrate', 'down', '--to', '002', '--yes']), /2 undone/)
  assert.equal(await states(), ['001 applied', '002 applied', '003 pending', '004 pending'])
  await world.write('database/migrations/003_colours.sql', 'create table colours (b int);\n')
  await expectExit(0, world, ['migrate'])
  assert.match(await expectExit(3, world, ['migrate', 'down', '--steps', '2', '--yes']), /003 colours has no down part/)
})

test('repair is planned, asks, and makes changed and missing ones agree', async () => {
  await world.write('database/migrations/003_colours.sql', 'create table colours (b integer);\n')
  assert.equal((await states()).slice(2), ['003 changed', '004 applied'])
  assert.match(await expectExit(3, world, ['migrate', 'down', '--steps', '2', '--yes']), /changed after it was applied/)
  assert.match(await expectExit(0, world, ['migrate', 'repair', '--dry-run']), /accept as they are now: 003 colours/)
  await expectExit(3, world, ['migrate', 'repair'])
  await expectExit(0, world, ['migrate', 'repair', '--yes', '--version', '3'])
  assert.equal((await states()).slice(2), ['003 applied', '004 applied'])
  assert.match(await expectExit(0, world, ['migrate', 'repair']), /the ledger agrees with the files/)
})

test('check finds drift, lint what is dangerous: findings in JSON, annotations under GitHub Actions', async () => {
  assert.match(
    await expectExit(0, world, ['migrate', 'check']),
    /4 applied, as their files say; the schema is as they left it/,
  )
  await world.write(
    'database/migrations/005_dangerous.sql',
    '-- migrate:up\nalter table labels add column c int not null;\nalter table labels rename column b to d;\n-- migrate:down\nselect 1;\n',
  )
  const linted = await world.task(['migrate', 'lint', '--json'])
  assert.is(linted.status, 0, linted.stderr)
  const { result } = JSON.parse(linted.stdout) as { result: { checked: number; findings: { rule: string }[] } }
  assert.equal([result.checked, result.findings.map(({ rule }) => rule)], [1, ['renames']], 'the table is empty')
})

test('baseline and import are refused where there is a history', async () => {
  assert.match(
    await expectExit(3, world, ['migrate', 'baseline', '--to', '002']),
    /the ledger has 4 migrations already/,
  )
  assert.match(await expectExit(3, world, ['migrate', 'import', 'flyway']), /no table flyway_schema_history/)
  assert.match(await expectExit(2, world, ['migrate', 'import', 'flywya']), /flyway/)
})

test.run()

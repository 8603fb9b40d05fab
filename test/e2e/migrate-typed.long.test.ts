import { existsSync, statSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findClients } from '../../lib/backup/clients.ts'
import { timeLimit } from '../support/index.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(420_000)

/** The tests go on from each other. */
let world: World

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
test.after(() => world.end())

const rows = async (sql: string) => (await world.task(['db:shell', 'dev', '--admin', '-c', sql])).stdout
const migrations = () => readdir(join(world.folder, 'database/migrations'))

type Row = { version: string; name: string; state: string; effect: string; appliedBy?: string }
const statusOf = async () =>
  (await world.json<{ result: { migrations: Row[] } }>(['migrate', 'status'])).result.migrations

test('a migration in TypeScript: written by `new`, typed by the package, shown, applied, undone', async () => {
  await expectExit(0, world, ['setup', 'dev'])
  const before = await migrations()
  await expectExit(0, world, ['migrate', 'new', 'fill_hits', '--format', 'ts'])
  const [file = ''] = (await migrations()).filter((name) => !before.includes(name))
  assert.match(file, /^\d+_fill_hits\.ts$/)
  const path = `database/migrations/${file}`
  const draft = (await textOf(world, path)) ?? ''
  assert.match(draft, "from 'vital-ops/operations'")
  await world.write(
    path,
    draft
      .replace('await sql``', 'for (const n of [101, 102]) await sql`insert into hits (n) values (${n})`')
      .replace('await sql``', 'await sql`delete from hits where n > 100`'),
  )
  assert.match(await expectExit(0, world, ['migrate', 'lint']), /known only when it runs/)
  const dry = await expectExit(0, world, ['migrate', 'up', '--dry-run'])
  assert.match(dry, new RegExp(`-- ${path} \\(expand\\): TypeScript, whose statements are known only when it runs`))
  assert.match(await expectExit(0, world, ['migrate', 'up']), /1 applied/)
  assert.match(await rows('select count(*) as many from hits where n > 100'), / 2\n/)
  assert.equal(
    (await statusOf()).map(({ state }) => state),
    [...before, file].map(() => 'applied'),
  )
  assert.match(await expectExit(0, world, ['migrate', 'down', '--yes']), /1 undone/)
  assert.match(await rows('select count(*) as many from hits where n > 100'), / 0\n/)
  // The next one is in the same format.
  await expectExit(0, world, ['migrate', 'new', 'another'])
  assert.ok((await migrations()).some((name) => name.endsWith('_another.ts')))
})

test('baseline records what the schema has already, runs nothing of it, and the rest is pending', async () => {
  for (const name of await migrations()) {
    if (name.endsWith('.ts')) await rm(join(world.folder, 'database/migrations', name))
  }
  await rows('drop schema vital_ops cascade')
  await world.write('database/migrations/20990101000000_late.sql', 'create table late (a int);\n')
  const known = (await statusOf()).filter(({ name }) => name !== 'late')
  const last = known.at(-1)?.version ?? ''
  assert.match(await expectExit(3, world, ['migrate', 'baseline', '--to', '7']), /there is no migration 7/)
  assert.match(
    await expectExit(0, world, ['migrate', 'baseline', '--to', last]),
    new RegExp(`${known.length} recorded as applied`),
  )
  const now = await statusOf()
  assert.equal(
    now.map(({ state }) => state),
    [...known.map(() => 'applied'), 'pending'],
  )
  assert.match(now[0]?.appliedBy ?? '', /^baseline by /)
  assert.match(await expectExit(3, world, ['migrate', 'baseline', '--to', last]), /the ledger has \d+ migration/)
  assert.match(await expectExit(0, world, ['migrate', 'up']), /1 applied/)
  assert.match(await expectExit(0, world, ['migrate', 'check']), /the schema is as they left it/)
  assert.match(await rows("select to_regclass('late') is null as gone"), / f\n/)
})

test('current.sql is written after a change where a client can dump the server, and otherwise it is said once', async () => {
  const current = 'database/schema/current.sql'
  const can = (await findClients()).some(({ major }) => major >= 17)
  await world.write(
    'database/migrations/20990101000001_more.sql',
    '-- migrate:up\ncreate table more (a int);\n-- migrate:down\ndrop table more;\n',
  )
  const text = await expectExit(0, world, ['migrate', 'up'])
  assert.not.match(text, 'is not written', 'it was said at the first command')
  const written = await textOf(world, current)
  assert.is(written !== undefined, can)
  if (can) assert.match(written ?? '', 'CREATE TABLE public.more')
  const services = join(world.folder, 'config/services/postgres.yaml')
  const embedded = await readFile(services, 'utf8')
  if (!existsSync('/usr/lib/postgresql/15/bin/pg_dump')) return
  // Another server, which this machine's client can dump.
  await expectExit(0, world, ['services', 'down'])
  await rm(world.env.OPS_DATA_ROOT ?? '', { recursive: true })
  await world.write(
    'config/services/postgres.yaml',
    embedded.replace('engine: postgres\n', 'engine: postgres\n  version: 15\n  prefer: system\n'),
  )
  assert.match(await expectExit(0, world, ['setup', 'dev']), `wrote ${current}`)
  const made = (await textOf(world, current)) ?? ''
  assert.match(made, 'CREATE TABLE public.more (\n    a integer\n);')
  const before = statSync(join(world.folder, current)).mtimeMs
  assert.not.match(await expectExit(0, world, ['migrate', 'redo', '--yes']), 'wrote')
  assert.is(statSync(join(world.folder, current)).mtimeMs, before, 'the schema is the same, and so is the file')
  await expectExit(0, world, ['migrate', 'down', '--yes'])
  assert.not.match((await textOf(world, current)) ?? '', 'public.more')
  const dev0 = (await textOf(world, 'config/environments/dev.yaml')) ?? ''
  await world.write(
    'config/environments/dev.yaml',
    dev0.replace('service: postgres', 'service: postgres, statementTimeout: 3s'),
  )
  await world.write('database/migrations/20990101000001_more.sql', 'select pg_sleep(120);\n')
  assert.match(await expectExit(1, world, ['migrate', 'up']), /due to statement timeout/)
  await world.write('config/environments/dev.yaml', dev0)
  await world.write('database/migrations/20990101000001_more.sql', 'create table more (a int);\n')
  // Not the schema of an environment that others use.
  const dev = (await textOf(world, 'config/environments/dev.yaml')) ?? ''
  await world.write('config/environments/dev.yaml', `${dev}protected: true\n`)
  await expectExit(0, world, ['migrate', 'up', '--confirm=dev'])
  await world.write('config/environments/dev.yaml', dev)
  assert.not.match((await textOf(world, current)) ?? '', 'public.more')
})

test('lint finds what the release that runs uses of what is dropped', async () => {
  for (const name of await migrations()) {
    if (!name.startsWith('001')) await rm(join(world.folder, 'database/migrations', name))
  }
  await rows('drop schema vital_ops cascade; drop table if exists late, more')
  await expectExit(0, world, ['migrate', 'baseline', '--to', '1'])
  await world.write('services/api/counts.js', "export const counts =\n  'select sum(n) from hits'\n")
  await world.write('database/migrations/002_fewer.sql', 'alter table hits add column unused int;\n')
  await world.commit('good', 'v1')
  await expectExit(0, world, ['deploy', 'dev'])
  await world.write('services/api/counts.js', 'export const counts = undefined\n')
  await world.write(
    'database/migrations/003_drop.sql',
    'alter table hits drop column unused;\nalter table hits drop column n;\n',
  )
  const text = await expectExit(1, world, ['migrate', 'lint'])
  assert.match(text, /column n \([^)]*\): release 1 \(\w+\), which runs, does at services\/api\/counts\.js:2/)
  assert.match(text, /column unused \([^)]*\); release 1 \(\w+\), which runs, does not name it/)
})

test.run()

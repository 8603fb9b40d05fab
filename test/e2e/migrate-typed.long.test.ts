import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(300_000)

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
    if (name.endsWith('.ts'))
      await (await import('node:fs/promises')).rm(join(world.folder, 'database/migrations', name))
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

test.run()

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, shown, writeSecrets } from './deploys.ts'
import { waitsForLock, whileHeld } from './held.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(400_000)

/** The tests go on from each other. */
let world: World
const password = 'correct-horse-battery'

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: password, GREETING: 'hello' })
  await world.write(
    'database/migrations/002_three.sql',
    `-- migrate:up
create table aaa (id serial primary key, note text);
create table mmm (id int primary key, aaa int references aaa);
create table zzz (id int primary key, mmm int references mmm);
insert into aaa (note) select 'note ' || n from generate_series(1, 2000) n;
insert into mmm select n, n from generate_series(1, 2000) n;
insert into zzz select n, n from generate_series(1, 2000) n;
-- migrate:down
drop table zzz, mmm, aaa;
`,
  )
  await world.write(
    'database/queries/analytics/notes.sql',
    "-- description: Notes that begin so\n-- parameter: start text\n-- parameter: least integer = 1\nselect id, note from aaa where note like :start || '%' and id >= :least order by id;\n",
  )
  await expectExit(0, world, ['services', 'up', 'postgres'])
  await expectExit(0, world, ['migrate', 'up', 'dev'])
})
test.after(() => world.end())

const counts = async () =>
  (
    await world.task([
      'db:shell',
      '-c',
      'select (select count(*) from aaa) as a, (select count(*) from mmm) as m, (select count(*) from zzz) as z',
    ])
  ).stdout
const held = (lock: string, use: Parameters<typeof whileHeld>[1]) =>
  whileHeld({ port: world.ports.postgres, password, lock }, use)

test('an export that was killed goes on with what is missing', async () => {
  const folder = join(world.folder, 'out')
  const words = ['data', 'export', 'aaa', 'mmm', 'zzz', '--out', folder]
  await held('lock table zzz in access exclusive mode', async (ask) => {
    const running = world.start(words, { timeout: 200_000 })
    await waitsForLock(ask)
    running.child.kill('SIGKILL')
    await running.ended
  })
  const manifest = JSON.parse(await readFile(join(folder, 'export.json'), 'utf8'))
  assert.equal([manifest.complete, manifest.tables.length], [false, 2])
  assert.match(await expectExit(3, world, ['data', 'import', folder, '--yes']), /holds no export that is complete/)
  const again = await expectExit(0, world, words)
  assert.match(again, /public\.mmm: 2000 rows, \d+ bytes \(was there\)/)
  assert.match(again, /6000 rows of 3 tables in/)
})

test('an import that was killed goes on: each row is there once, and the dead run is settled', async () => {
  const folder = join(world.folder, 'out')
  await expectExit(0, world, ['db:shell', '-c', 'truncate aaa, mmm, zzz'])
  await held('lock table zzz in access exclusive mode', async (ask) => {
    const running = world.start(['data', 'import', folder, '--yes'], { timeout: 200_000 })
    await waitsForLock(ask)
    running.child.kill('SIGKILL')
    await running.ended
  })
  assert.match(await counts(), /2000 +\|? *2000 +\|? *0/)
  const warned = await world.task(['services', 'status'])
  assert.match(shown(warned), /data import dev[^\n]* \(run [^\n]*\n +mend: task data import \S*out --yes/)
  const again = await expectExit(0, world, ['data', 'import', folder, '--yes'])
  assert.match(again, /2000 rows imported/)
  assert.match(await counts(), /2000 +\|? *2000 +\|? *2000/)
  assert.not.match(shown(await world.task(['services', 'status'])), /data import/)
  assert.match(
    await expectExit(0, world, ['db:shell', '-c', "insert into aaa (note) values ('next') returning id"]),
    /2001/,
  )
})

test('rows of a query, by its name and from a file, with values that stay values', async () => {
  const out = (name: string) => join(world.folder, name)
  const words = ['data', 'export', '--query', 'notes', '--format', 'jsonl', '--out', out('q1'), '--param']
  assert.match(
    await expectExit(0, world, [...words, 'start=note 19', '--param', 'least=1950']),
    /50 rows of the query notes/,
  )
  assert.match(await readFile(join(out('q1'), 'notes.jsonl'), 'utf8'), /^\{"id":1950,"note":"note 1950"\}\n/)
  const odd = await world.task([
    'data',
    'export',
    '--query',
    'notes',
    '--out',
    out('q2'),
    '--param',
    "start=\\'; drop table zzz; --",
  ])
  assert.is(odd.status, 0, shown(odd))
  assert.match(await counts(), /2000\s*$|2000\n/)
  assert.match(
    await expectExit(2, world, ['data', 'export', '--query', 'note', '--out', out('q3')]),
    /did you mean notes\?/,
  )
  await world.write('both.sql', 'select 1; select 2;\n')
  await world.write('sums.sql', '-- of all\nselect sum(id) as sum from mmm -- a comment;\n')
  const both = ['data', 'export', '--out', out('q4'), '--sql-file']
  assert.match(await expectExit(3, world, [...both, 'both.sql']), /more than one statement/)
  const json = await world.task([...both, 'sums.sql', 'mmm', '--format', 'parquet', '--json'])
  assert.is(json.status, 0, shown(json))
  const { result } = JSON.parse(json.stdout)
  assert.equal([result.tables[0].rows, result.queries[0].rows, result.queries[0].file], [2000, 1, 'sums.parquet'])
  assert.match(
    await expectExit(3, world, ['data', 'import', out('q4'), '--yes']),
    /Parquet files, which are not taken in/,
  )
})

test.run()

import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, timeLimit, until } from '../support/index.ts'
import { tmuxTerminal } from '../support/tmux.ts'
import { expectExit, shown, writeSecrets } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(240_000)

/** The tests go on from each other. */
let world: World

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
test.after(() => world.end())

const rows = async (sql: string) => (await world.task(['db:shell', 'dev', '-c', sql])).stdout

test('db:wait says why it waits, gives up after its time, and ends once the database is there', async () => {
  const text = await expectExit(3, world, ['db:wait', 'dev', '--timeout', '1s'])
  assert.match(text, /shop on postgres took no connections within 1\.0s/)
  const waiting = world.start(['db:wait', 'dev', '--timeout', '100s'])
  await expectExit(0, world, ['setup', 'dev'])
  const ended = await waiting.ended
  assert.is(ended.status, 0, shown(ended))
  assert.match(shown(ended), /waiting: postgres is not running/)
  assert.match(ended.stdout, /shop on postgres takes connections/)
})

test('db:shell runs a statement as the owner, with psql and without; a protected environment is only read', async () => {
  assert.match(await rows('select current_user, n from hits order by n'), /shop +\|? *1/)
  assert.match((await world.task(['db:shell', '--admin', '-c', 'select current_user'])).stdout, /postgres/)
  const bin = join(world.folder, '.ops/bin')
  await mkdir(bin, { recursive: true })
  for (const program of ['node', 'git', 'bash', 'sh']) {
    await symlink(program === 'node' ? process.execPath : `/usr/bin/${program}`, join(bin, program))
  }
  const PATH = `${bin}:${dirname(process.execPath)}`
  const bare = (await import('node:fs')).existsSync(join(dirname(process.execPath), 'psql')) ? bin : PATH
  const without = await world.task(['db:shell', '-c', 'select current_user, count(*) from hits'], {
    env: { PATH: bare },
  })
  assert.match(without.stdout, /current_user +count\nshop +2\n\(1 row\)/, shown(without))
  const nobody = await world.task(['db:shell'], { env: { PATH: bare } })
  assert.equal([nobody.status, /psql is not installed/.test(shown(nobody))], [3, true])
  const dev = (await textOf(world, 'config/environments/dev.yaml')) ?? ''
  await world.write('config/environments/dev.yaml', `${dev}protected: true\n`)
  const insert = ['db:shell', '-c', 'insert into hits values (9)']
  const tried = [
    await world.task(insert),
    await world.task(insert, { env: { PATH: bare } }),
    await world.task([...insert, '--write']),
    await world.task([...insert, '--write', '--confirm=dev']),
  ]
  await world.write('config/environments/dev.yaml', dev)
  assert.equal(
    tried.map(({ status }) => status),
    [1, 1, 3, 0],
    tried.map(shown).join('\n'),
  )
  assert.match(tried.slice(0, 2).map(shown).join('\n'), /read-only transaction[\s\S]*read-only transaction/)
  assert.not.match(tried.map(shown).join('\n'), 'correct-horse')
})

test('on a terminal both prompts take statements, and Ctrl-C ends a statement and not the session', async () => {
  const bin = join(world.folder, '.ops/bin')
  const words = `${process.execPath} ${join(repository, 'bin/task')} db:shell`
  const psql = tmuxTerminal(words, { cwd: world.folder, env: { ...world.env, PAGER: 'cat' } })
  // tmux takes a semicolon at the end for its own.
  try {
    await psql.shows('shop=')
    psql.keys('select 40 + 2 as answer\\;', 'Enter')
    await psql.shows(/answer\s+-+\s+42\s+\(1 row\)\s+shop=/)
    psql.keys('select pg_sleep(300)\\;', 'Enter')
    const active = "select count(*) from pg_stat_activity where query = 'select pg_sleep(300);' and state = 'active'"
    await until(async () => / 1\n/.test((await world.task(['db:shell', '--admin', '-c', active])).stdout), {
      deadline: 60_000,
      what: 'the statement to run',
    })
    psql.keys('C-c')
    await psql.shows('canceling statement')
    psql.keys('\\q', 'Enter')
    await psql.shows('[ended 0]')
  } finally {
    psql.close()
  }
  const prompt = tmuxTerminal(`PATH=${bin} ${words}`, { cwd: world.folder, env: world.env })
  try {
    await prompt.shows('shop=>')
    prompt.keys('select 40 +', 'Enter')
    await prompt.shows('shop->')
    prompt.keys('2 as answer\\;', 'Enter')
    await prompt.shows(/answer\n42\n\(1 row\)/)
    prompt.keys('select nothing\\;', 'Enter')
    await prompt.shows('column "nothing" does not exist')
    prompt.keys('\\q', 'Enter')
    await prompt.shows('[ended 0]')
  } finally {
    prompt.close()
  }
})

test('db:maintain shows the figures, does what they say, and then has nothing to do', async () => {
  await rows(
    "create table log (id int, at timestamptz); insert into log select n, now() - n * interval '1 day' from generate_series(1, 5000) n; analyze log",
  )
  const dev = (await textOf(world, 'config/environments/dev.yaml')) ?? ''
  const pruned = dev.replace(
    '{ service: postgres }',
    '{ service: postgres, prune: [{ table: log, column: at, keep: 100d }] }',
  )
  await world.write('config/environments/dev.yaml', pruned)
  const plan = await expectExit(0, world, ['db:maintain', '--dry-run'])
  assert.match(plan, /! prune:log +delete rows of log on postgres whose at is older than 100d — 490\d rows are older/)
  assert.match(plan, /vacuum:log +vacuum analyze log on postgres — rows of it are deleted/)
  assert.match(await expectExit(3, world, ['db:maintain']), /the same command with --yes/)
  assert.match(await expectExit(0, world, ['db:maintain', '--yes']), /490\d rows deleted/)
  assert.match(await rows('select count(*) from log'), / (99|100)\n/)
  await world.write('config/environments/dev.yaml', dev)
  assert.match(await expectExit(0, world, ['db:maintain']), /nothing needs maintenance/)
})

test('data export and import: out of a folder again, replaced only when that is agreed to', async () => {
  assert.match(await expectExit(0, world, ['data', 'export', 'hits', '--out', '.ops/out']), /3 rows of 1 tables/)
  const replace = ['data', 'import', '.ops/out', '--replace']
  assert.match(await expectExit(3, world, replace), /! import:postgres +replace 3 rows of public\.hits on postgres/)
  assert.match(await expectExit(0, world, [...replace, '--yes']), /3 rows imported/)
  assert.match(await rows('select count(*) from hits'), / 3\n/)
  assert.match(await expectExit(0, world, ['data', 'import', '.ops/out']), /was imported already/)
  assert.match(await expectExit(3, world, ['data', 'import', 'database']), /holds no export that is complete/)
})

test('db:reset makes a development database anew, also one that is missing, and no protected one', async () => {
  assert.match(await expectExit(3, world, ['db:reset', 'dev']), /loses data/)
  const text = await expectExit(0, world, ['db:reset', 'dev', '--yes'])
  assert.match(text, /! reset:postgres +drop the database shop on postgres with all its data, and make it anew/)
  assert.match(await rows('select count(*) from hits'), / 2\n/)
  assert.match(await rows("select to_regclass('log') is null as gone"), / t\n/)
  await world.task(['db:shell', '--admin', '-c', 'select 1'])
  const dev = (await textOf(world, 'config/environments/dev.yaml')) ?? ''
  await world.write('config/environments/dev.yaml', `${dev}protected: true\n`)
  const refused = await world.task(['db:reset', 'dev', '--yes', '--confirm=dev'])
  await world.write('config/environments/dev.yaml', dev)
  assert.equal([refused.status, /only a database for development/.test(shown(refused))], [3, true])
})

test.run()

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, skip, timeLimit, until } from '../support/index.ts'
import { expectExit, shown } from './deploys.ts'
import { makeWorld, queryIn, systemPostgres, type World, withKnownDatabase } from './world.ts'

timeLimit(280_000)

let world: World

const query = (sql: string) => queryIn(world, sql)
type Backup = { number: number; state: string }
const backups = async () => (await world.json<{ result: { backups: Backup[] } }>(['backups'])).result.backups
const kept = () => join(world.folder, '../kept/shop0000test/dev')

test.before(async () => {
  if (!existsSync('/usr/lib/postgresql/15/bin/postgres')) skip('PostgreSQL 15 is not installed')
  world = await makeWorld()
  await withKnownDatabase(world, systemPostgres)
  await world.write(
    'config/environments/dev.yaml',
    `name: dev\nplatform: local\ndatabase: { service: postgres }\ndeploy: { backupFirst: true }\nbackup:\n  targets: [{ type: folder, path: ../kept }]\n  keep: { last: 5 }\n`,
  )
  await expectExit(0, world, ['setup', 'dev'])
  await query(`create table big as select i, repeat(md5(i::text), 20) as t from generate_series(1, 150000) i`)
})
test.after(() => world?.end())

test('a deploy takes its backup first, and does not go on without it', async () => {
  await world.commit('good', 'v2')
  const text = await expectExit(0, world, ['deploy', 'dev', '--yes'])
  assert.match(text, 'before anything changes')
  assert.equal(
    (await backups()).map(({ state }) => state),
    ['not verified'],
  )
  await world.commit('good', 'v3')
  const policy = `name: dev\nplatform: local\ndatabase: { service: postgres }\ndeploy: { backupFirst: true }\nbackup:\n  targets: [{ type: folder, path: ../blocked }]\n`
  await world.write('../blocked', 'a file in the way')
  await world.write('config/environments/dev.yaml', policy)
  try {
    // Nothing was begun, so there was nothing to roll back.
    const failed = await expectExit(1, world, ['deploy', 'dev', '--yes', '--allow-dirty'])
    assert.match(failed, 'could not be written')
    assert.not.match(failed, 'runs again')
    assert.match((await world.get('/version'))?.body ?? '', 'v2 ')
  } finally {
    await world.write('config/environments/dev.yaml', policy.replace('../blocked', '../kept'))
  }
})

test('kill -9 in the middle of a backup: it never counts, the next one is whole and gets the next number', async () => {
  const before = (await backups()).length
  const taking = world.start(['backup', 'dev'])
  await until(
    async () =>
      existsSync(kept()) &&
      readdirSync(kept()).length > before &&
      readdirSync(kept()).some((name) => {
        const files = readdirSync(join(kept(), name))
        return !files.includes('manifest.json') && files.length > 1
      }),
    { what: 'a dump that grows', deadline: 60_000 },
  )
  process.kill(taking.pid, 'SIGKILL')
  await taking.ended
  const cut = (await backups()).at(-1)
  assert.is(cut?.state, 'cut off')
  assert.match(await expectExit(0, world, ['backup', 'dev']), /backup \d+ taken/)
  const now = await backups()
  assert.is(now.at(-1)?.state, 'not verified')
  assert.is(now.at(-1)?.number, (cut?.number ?? 0) + 1)
  await expectExit(0, world, ['backup', 'drill'])
})

test('kill -9 in the middle of a restore: what is there is untouched, and the same command does it', async () => {
  await query('delete from hits')
  const restoring = world.start(['restore', 'dev', '--yes', '--no-safety-backup'])
  const isThere = async () => (await query(`select 1 from pg_database where datname = 'shop_restored'`)).length > 0
  await until(isThere, { what: 'the new database', deadline: 60_000 })
  process.kill(restoring.pid, 'SIGKILL')
  await restoring.ended
  assert.equal(await query('select count(*)::int as n from hits'), [{ n: 0 }])
  assert.equal(await query('select count(*)::int as n from big'), [{ n: 150_000 }])
  await expectExit(0, world, ['restore', 'dev', '--yes', '--no-safety-backup'])
  assert.equal(await query('select count(*)::int as n from hits'), [{ n: 2 }])
  assert.is(await isThere(), false)
})

test('kill -9 in the middle of a drill: nothing of the environment is touched, and the next one verifies', async () => {
  const number = (await backups()).at(-1)?.number
  await expectExit(0, world, ['backup', 'dev'])
  const drilling = world.start(['backup', 'drill'])
  const base = join(world.folder, '..')
  // The scratch server, by its data folder.
  const scratch = async () => (await processesWith(base)).filter(({ command }) => command.includes('/drill-'))
  await until(async () => (await scratch()).length > 0, { what: 'the drill to begin', deadline: 60_000 })
  process.kill(drilling.pid, 'SIGKILL')
  const ended = await drilling.ended
  assert.not.match(shown(ended), 'is verified')
  await until(async () => (await scratch()).length === 0, { what: 'its server to end with it', deadline: 60_000 })
  assert.is((await backups()).find((one) => one.number === (number ?? 0) + 1)?.state, 'not verified')
  await expectExit(0, world, ['backup', 'drill'])
  assert.is((await backups()).at(-1)?.state, 'verified')
})

test('a verified backup that is too old fails `backup check`, and is seen in a health check, which it does not fail', async () => {
  await expectExit(0, world, ['backup', 'check'])
  assert.match(await expectExit(0, world, ['health-check', 'dev']), /backup +verified +passed/)
  await world.write(
    'config/environments/dev.yaml',
    `name: dev\nplatform: local\ndatabase: { service: postgres }\nbackup:\n  targets: [{ type: folder, path: ../kept }]\n  verifiedWithin: 1ms\n`,
  )
  assert.match(await expectExit(1, world, ['backup', 'check']), /is .* old; the policy allows 1ms/)
  assert.match(
    await expectExit(0, world, ['health-check', 'dev']),
    /backup +verified +degraded .*the policy allows 1ms/,
  )
})

test.run()

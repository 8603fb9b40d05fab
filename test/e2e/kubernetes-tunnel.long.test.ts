/**
 * The way to a database on a cluster is cut in the middle of what goes over it: that is recovered, or ends as a failure that says so, and the same
 * command makes it good.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit, until } from '../support/index.ts'
import { type DatabaseWorld, makeDatabaseWorld } from './kubernetes-database-world.ts'

timeLimit(900_000)

const policy = 'backup:\n  targets: [{ type: folder, path: ../kept }]\n  keep: { last: 5 }\n'
const busy = (pattern: string, database = 'shop') =>
  `select count(*) > 0 from pg_stat_activity where pid <> pg_backend_pid() and state = 'active' and datname = '${database}' and query ~ '${pattern}'`

const on = suite<{ world: DatabaseWorld; cuts: number; recovered: number }>('a port forward that is killed')
on.before(async (context) => {
  context.world = await makeDatabaseWorld(policy)
  context.cuts = 0
  context.recovered = 0
  const done = await context.world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
})
on.after(async ({ world, cuts, recovered }) => {
  note(`${cuts} cuts, ${recovered} of them recovered by the same run`)
  await world?.end()
})

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`

on('in a migration: the server undoes it, and the next run does it once', async (context) => {
  const { world } = context
  await world.write(
    'database/migrations/20260102000000_slow.sql',
    '-- vital-ops: expand\n-- migrate:up\ncreate table slow (n int);\nselect pg_sleep(5);\n',
  )
  const cut = await world.cutWhen(['migrate', 'up', 'production', '--yes'], busy('pg_sleep[(]5'))
  context.cuts += 1
  assert.is(cut.status, 1, said(cut))
  assert.match(said(cut), /the connection to the database shop .* was lost/)
  const again = await world.task(['migrate', 'up', 'production', '--yes'])
  assert.is(again.status, 0, said(again))
  assert.is(await world.sql("select count(*) from pg_tables where tablename = 'slow'"), '1')
  const status = await world.task(['migrate', 'status', 'production'])
  assert.match(said(status), /slow +applied/)
})

on('in a dump: it never counts, and the next one is whole', async (context) => {
  const { world } = context
  await world.sql('create table big as select i, repeat(md5(i::text), 20) as t from generate_series(1, 90000) i')
  const cut = await world.cutWhen(['backup', 'production'], busy('^COPY.*big'))
  context.cuts += 1
  if (cut.status === 0) context.recovered += 1
  else assert.match(said(cut), /connection to the database shop .* was lost|pg_dump ended with status/)
  const whole = await world.task(['backup', 'production'])
  assert.is(whole.status, 0, said(whole))
  const { result } = await world.json<{ result: { backups: { state: string }[] } }>(['backups', 'production'])
  assert.is(result.backups.at(-1)?.state, 'not verified')
  assert.is(result.backups.filter(({ state }) => state === 'not verified').length, cut.status === 0 ? 2 : 1)
})

on('in a restore: what is there stays, and the same command restores', async (context) => {
  const { world } = context
  await world.sql('delete from hits')
  const args = ['restore', 'production', '--yes', '--no-safety-backup']
  const cut = await world.cutWhen(args, busy('^COPY.*big', 'shop_restored'))
  context.cuts += 1
  if (cut.status === 0) context.recovered += 1
  else {
    assert.match(said(cut), /server closed the connection|connection to the database .* was lost/)
    assert.equal(await world.hits(), { count: 0, sum: 0 })
  }
  const done = await world.task(args)
  assert.is(done.status, 0, said(done))
  assert.equal(await world.hits(), { count: 10, sum: 55 })
})

on('leaves no kubectl behind, as no other way out does', async ({ world }) => {
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const forwarding = world.start(['services', 'port-forward', 'db', '-e', 'production'])
    await until(() => forwarding.stderr().includes('127.0.0.1:'), { what: 'the port', deadline: 60_000 })
    assert.ok((await world.forwards()).length > 0)
    process.kill(forwarding.pid, signal)
    await forwarding.ended
    await until(async () => (await world.forwards()).length === 0, { what: `the end of kubectl after ${signal}` })
  }
})

on.run()

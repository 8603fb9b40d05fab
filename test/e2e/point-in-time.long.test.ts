import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { globSync } from 'tinyglobby'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeIdentity } from '../../lib/backup/age.ts'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { restorableSpans } from '../../lib/backup/wal/spans.ts'
import { withDatabase } from '../../lib/database/connect.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import type { RestorableSpan } from '../../lib/model/wal.ts'
import { processesWith, skip, timeLimit, until } from '../support/index.ts'
import { expectExit } from './deploys.ts'
import { makeWorld, queryIn, systemPostgres, type World, withKnownDatabase } from './world.ts'

timeLimit(290_000)

const test = suite('point in time: ')
let world: World
let key: string
let recipients: string
let first: string

const query = (sql: string, database?: string) => queryIn(world, sql, database)
const hits = async (database?: string) => (await query('select n from hits order by n', database)).map(({ n }) => n)
const serverTime = async (): Promise<string> => {
  const [row] = await query('select clock_timestamp() as at')
  return (row as { at: Date }).at.toISOString()
}
const target = () => folderTarget(join(world.folder, '../kept'))
const owner = { workspace: { name: 'shop', id: 'shop0000test' }, environment: 'dev' }
/** Waits until a time can be restored; gives the stream that leads there. */
const covered = async (backup: number, time: string) => {
  const { entries } = await readCatalogue([target()], owner)
  const found = await until(
    async () => {
      const spans = await restorableSpans([target()], owner, entries)
      return spans.find((span) => span.backup === backup && span.to >= time) ?? false
    },
    { what: `${time} to be covered by backup ${backup}`, deadline: 90_000, every: 200 },
  )
  return found as RestorableSpan
}
const newest = async () => (await readCatalogue([target()], owner)).entries.at(-1)?.number ?? 0
type Status = { receiver: string; slot?: { stream: string; active: boolean } }
const status = async () => (await world.json<{ result: Status }>(['backup', 'wal', 'status', 'dev'])).result
const policy = (pointInTime: string) =>
  world.write(
    'config/environments/dev.yaml',
    `name: dev\nplatform: local\ndatabase: { service: postgres }\nbackup:\n  targets: [{ type: folder, path: ../kept }]\n  keep: { last: 2 }\n  recipients: [${recipients}]\n  identity: ../key\n  pointInTime: ${pointInTime}\n`,
  )

test.before(async () => {
  if (!existsSync('/usr/lib/postgresql/15/bin/pg_receivewal')) skip('PostgreSQL 15 is not installed')
  world = await makeWorld()
  await withKnownDatabase(world, systemPostgres)
  const [one, two] = await Promise.all([makeIdentity(), makeIdentity()])
  key = join(world.folder, '../key')
  writeFileSync(key, `${one.identity}\n`, { mode: 0o600 })
  recipients = `${one.recipient}, ${two.recipient}`
  await policy('{ every: 500ms }')
  await expectExit(0, world, ['setup', 'dev'])
})
test.after(() => world?.end())

test('a backup starts what receives the WAL; a table dropped later comes back as it was just before', async () => {
  const text = await expectExit(0, world, ['backup', 'dev'])
  assert.match(text, 'receive the WAL of postgres into ../kept, what is not complete every 500ms')
  assert.match(text, 'back up postgres (physical)')
  await query('insert into hits values (10), (11)')
  const time = await serverTime()
  await query('insert into hits values (12); drop table hits')
  first = (await covered(1, await serverTime())).stream
  const drilled = await expectExit(0, world, ['backup', 'drill', 'dev', '--to', time])
  assert.match(drilled, 'can be restored from backup 1')
  assert.match(drilled, /of the \d+ tables of the backup \d+ have the same rows, 1 changed since/)
  const beside = await expectExit(0, world, ['restore', 'dev', '--to', time, '--into', 'earlier', '--yes'])
  assert.match(beside, `bring it to ${time}, copy it into the new database earlier, and compare`)
  assert.equal(await hits('earlier'), [1, 2, 10, 11])
  // What is there stays as it was.
  assert.equal(await query(`select to_regclass('hits') as there`), [{ there: null }])
  const shown = await expectExit(0, world, ['restore', 'dev', '--to', time, '--yes'])
  assert.match(shown, `bring it to ${time}`)
  assert.match(shown, 'before the restore')
  assert.equal(await hits(), [1, 2, 10, 11])
  await expectExit(0, world, ['health-check', 'dev'])
})

test('after a restore another stream begins by itself', async () => {
  await expectExit(0, world, ['backup', 'dev'])
  const backup = await newest()
  await query('insert into hits values (20)')
  const time = await serverTime()
  const { stream } = await covered(backup, time)
  assert.not.equal(stream, first)
  const shown = await expectExit(0, world, ['backup', 'drill', 'dev', '--to', time])
  assert.match(shown, `can be restored from backup ${backup}`)
  assert.match(shown, 'rows read through')
})

test('a time that nothing leads to is refused, with the nearest ones', async () => {
  const refused = await expectExit(3, world, ['restore', 'dev', '--to', '2020-01-01 00:00:00+00', '--yes'])
  assert.match(refused, /2020-01-01 00:00:00.000 UTC cannot be restored: the nearest possible times are 20\d\d-/)
  assert.match(await expectExit(2, world, ['restore', 'dev', '--to', '2020-01-01 00:00:00']), 'is no time with a zone')
})

test('what receives it is killed: it goes on; a file that is missing is found', async () => {
  const backup = await newest()
  const { stream } = await covered(backup, '')
  const folder = join(world.folder, '../kept/shop0000test/_wal/dev', stream)
  const { pid = 0 } =
    (await processesWith(join(world.folder, '..'))).find(({ command }) => command.endsWith('dist/wal.js')) ?? {}
  process.kill(pid, 'SIGKILL')
  await query('insert into hits values (30)')
  await covered(backup, await serverTime())
  const address = { ...administrator(), database: 'postgres', applicationName: 'test' }
  const switched = await withDatabase(address, async (connection) => {
    for (let round = 0; round < 3; round++) {
      await connection.query(`select pg_logical_emit_message(true, 'test', 'x')`)
      await connection.query('select pg_switch_wal()')
    }
    return ok(undefined)
  })
  unwrap(switched)
  await covered(backup, await serverTime())
  const whole = await expectExit(1, world, ['backup', 'check', 'dev'])
  assert.not.match(whole, 'WAL')
  const complete = readdirSync(folder).filter((name) => /^[0-9A-F]{24}$/.test(name))
  const lost = complete.at(-2) ?? ''
  rmSync(join(folder, lost), { recursive: true })
  assert.match(await expectExit(1, world, ['backup', 'check', 'dev']), `the WAL file ${lost} is missing`)
  assert.match(await expectExit(0, world, ['backup', 'wal', 'status', 'dev']), `then ${lost} is missing`)
})

test('services down and up: it ends and begins with its server; switched off, its slot is gone', async () => {
  await expectExit(0, world, ['services', 'down'])
  assert.match(await expectExit(0, world, ['services', 'up']), 'receive the WAL of postgres')
  assert.match((await status()).receiver, /running|pending/)
  await policy('false')
  assert.match(await expectExit(0, world, ['backup', 'dev']), 'receive no more WAL of postgres, and remove its slot')
  const off = await status()
  assert.is(off.slot, undefined)
  assert.is(off.receiver, 'stopped')
})

/** How the administrator of the world's server gets in. */
function administrator() {
  const [file] = globSync('**/postgres-15.admin', {
    cwd: join(world.folder, '../data'),
    absolute: true,
    dot: true,
  })
  const secret = readFileSync(file ?? '', 'utf8').trim()
  return { host: '127.0.0.1', port: world.ports.postgres, user: 'postgres', password: new Secret('x', secret) }
}

test.run()

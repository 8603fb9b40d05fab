import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { restorableSpans } from '../../lib/backup/wal/spans.ts'
import { note, processesWith, skip, timeLimit, until } from '../support/index.ts'
import { expectExit, health, shown } from './deploys.ts'
import { makeWorld, queryIn, systemPostgres, type World, withKnownDatabase } from './world.ts'

timeLimit(900_000)

let world: World
let time: string
const query = (sql: string) => queryIn(world, sql)
const hits = async () => (await query('select n from hits order by n')).map(({ n }) => n)
const owner = { workspace: { name: 'shop', id: 'shop0000test' }, environment: 'dev' }

const serverTime = async () => {
  const [row] = await query('select clock_timestamp() as at')
  return (row as { at: Date }).at.toISOString()
}

test.before(async () => {
  if (!existsSync('/usr/lib/postgresql/15/bin/pg_receivewal')) skip('PostgreSQL 15 is not installed')
  world = await makeWorld()
  await withKnownDatabase(world, systemPostgres)
  await world.write(
    'config/environments/dev.yaml',
    'name: dev\nplatform: local\ndatabase: { service: postgres }\nbackup:\n  targets: [{ type: folder, path: ../kept }]\n  pointInTime: { every: 500ms }\n',
  )
  await expectExit(0, world, ['setup', 'dev'])
  await expectExit(0, world, ['backup', 'dev'])
  await query('insert into hits values (10), (11)')
  time = await serverTime()
  await query('insert into hits values (12)')
  const later = await serverTime()
  const target = folderTarget(join(world.folder, '../kept'))
  await until(
    async () => {
      const { entries } = await readCatalogue([target], owner)
      return (await restorableSpans([target], owner, entries)).some(({ to }) => to >= later)
    },
    { what: 'the time to be covered', deadline: 90_000, every: 200 },
  )
})
test.after(() => world?.end())

const restore = () => ['restore', 'dev', '--to', time, '--yes', '--no-safety-backup']

test('kill -9 between the ops of a restore to a time: the same command brings it to that time', async () => {
  type Planned = { result: { ops: { id: string; changes: boolean }[] } }
  const { result } = await world.json<Planned>(['restore', 'dev', '--to', time, '--no-safety-backup', '--dry-run'])
  const changing = result.ops.filter(({ changes }) => changes).map(({ id }) => id)
  assert.ok(changing.length >= 3, changing.join())
  // What is true before an op is what is true after the one before it; but nothing is renamed yet.
  const points = [...changing.map((id) => `${id}:effect`), 'switch:postgres:before']
  for (const point of points) {
    const killed = await world.task(restore(), { env: { OPS_FAULT: point }, timeout: 120_000 })
    assert.is(killed.signal, 'SIGKILL', `${point}\n${shown(killed)}`)
    const again = await expectExit(0, world, restore())
    assert.equal(await hits(), [1, 2, 10, 11], `${point}\n${again}`)
    assert.match((await health(world)).postgres ?? '', 'running', point)
  }
  note(`${points.length} points of ${changing.length} ops: ${changing.join(', ')}`)
})

test('kill -9 while it recovers: what runs is untouched, nothing is left running', async () => {
  await query('insert into hits values (99)')
  const restoring = world.start(restore())
  // The server that recovers, by its data folder.
  const recovering = async () =>
    (await processesWith(join(world.folder, '..'))).filter(({ command }) => /postgres -D \S*restored/.test(command))
  await until(async () => (await recovering()).length > 0, {
    what: 'the recovery to begin',
    deadline: 90_000,
    every: 5,
  })
  process.kill(restoring.pid, 'SIGKILL')
  await restoring.ended
  await until(async () => (await recovering()).length === 0, { what: 'its server to end with it', deadline: 60_000 })
  assert.ok((await hits()).includes(99))
  await expectExit(0, world, restore())
  assert.equal(await hits(), [1, 2, 10, 11])
})

test.run()

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findProgram } from '../../lib/system/machine.ts'
import { note, skip, timeLimit } from '../support/index.ts'
import { expectExit } from './deploys.ts'
import { databasePassword, makeWorld, queryIn, systemPostgres, type World, withKnownDatabase } from './world.ts'

timeLimit(280_000)
let world: World
let kept: string
const query = (sql: string) => queryIn(world, sql)
const sum = async () => (await query('select count(*)::int as n, sum(n)::int as sum from hits'))[0]
const resultOf = async <T>(args: string[]) => (await world.json<{ result: T }>(args)).result
type Shown = { manifest: { sources: { pgbackrest?: { label: string } }[]; files: { name: string }[] } }
const labelOf = async (number: number) =>
  (await resultOf<Shown>(['backups', 'show', String(number)])).manifest.sources[0]?.pgbackrest?.label ?? ''

/** All files below a folder whose names fit. */
const filesIn = (folder: string, pattern: RegExp): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name))

test.before(async () => {
  if (!existsSync('/usr/lib/postgresql/15/bin/postgres')) skip('PostgreSQL 15 is not installed')
  if (!findProgram('pgbackrest')) skip('pgbackrest is not installed')
  world = await makeWorld()
  await withKnownDatabase(world, systemPostgres)
  kept = resolve(world.folder, '../kept')
  // The server's account enters it, where root runs the tests.
  await mkdir(kept, { mode: 0o711 })
  await world.write(
    'config/environments/dev.yaml',
    'name: dev\nplatform: local\ndatabase: { service: postgres }\nbackup:\n  targets: [{ type: folder, path: ../kept }]\n  keep: { last: 2 }\n  sources: [{ type: database, engine: pgbackrest }]\n',
  )
  await expectExit(0, world, ['setup', 'dev'])
})
test.after(() => world?.end())

test('a server that hands no WAL over is not restarted: the command says what to do, and takes no backup', async () => {
  const text = await expectExit(3, world, ['backup', 'dev'])
  assert.match(text, 'hands no WAL over yet')
  assert.match(text, 'task services restart postgres')
  assert.equal((await resultOf<{ backups: { state: string }[] }>(['backups'])).backups, [])
  assert.equal((await query('show archive_mode'))[0], { archive_mode: 'off' })
  await expectExit(0, world, ['services', 'restart', 'postgres'])
})

test('backup, drill, check and the catalogue speak of it as of any other backup', async () => {
  assert.match(await expectExit(0, world, ['backup', 'dev']), 'back up postgres (pgbackrest) to ../kept')
  assert.match(await labelOf(1), /^\d{8}-\d{6}F$/)
  assert.match(await expectExit(0, world, ['backup', 'drill', 'dev']), 'verified: ')
  assert.match(await expectExit(0, world, ['backups']), /verified .*postgres \(pgbackrest\)/)
  assert.match(await expectExit(0, world, ['backup', 'check']), '1 backup is whole; backup 1 is verified')
})

test('its configuration is for its account alone, and holds no password', async () => {
  const written = filesIn(join(world.folder, '../data'), /pgbackrest\.conf$/)
  assert.is(written.length, 1)
  for (const path of written) {
    assert.is(statSync(path).mode & 0o077, 0, path)
    assert.not.match(readFileSync(path, 'utf8'), databasePassword)
  }
})

test('a moment between two backups, and then the whole of the first, come back; WAL goes on to be handed over', async () => {
  const first = await sum()
  await query('insert into hits values (1000)')
  const [{ at }] = (await query(
    `select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, pg_sleep(0.05)`,
  )) as [{ at: string }]
  const between = await sum()
  await query('delete from hits')
  await expectExit(0, world, ['backup', 'dev'])
  assert.match(await expectExit(0, world, ['backup', 'wal', 'dev']), 'from backup 1: any time from')
  assert.match(await expectExit(0, world, ['backup', 'drill', 'dev', '--to', at]), 'read through')
  await expectExit(0, world, ['restore', 'dev', '--to', at, '--yes', '--no-safety-backup'])
  assert.equal(await sum(), between)
  const text = await expectExit(0, world, ['restore', 'dev', '--backup', '1', '--yes'])
  assert.match(text, 'before the restore')
  assert.equal(await sum(), first)
  await expectExit(0, world, ['health-check'])
  await expectExit(0, world, ['backup', 'drill', 'dev', '--backup', '3'])
  note('two restores, three drills')
})

test('what the policy removes goes out of the repository, too; a damaged file there is found', async () => {
  const [one, two] = [await labelOf(1), await labelOf(2)]
  await expectExit(0, world, ['backup', 'dev'])
  const folders = filesIn(join(kept, '_pgbackrest'), /backup\/postgres\/\d{8}-\d{6}F$/).map((path) =>
    path.split('/').at(-1),
  )
  assert.not.ok(folders.includes(two), `${two} is in ${folders}`)
  assert.ok(folders.length >= 2, `${folders}`)
  const { backups } = await resultOf<{ backups: { number: number }[] }>(['backups'])
  const newest = await labelOf(backups.at(-1)?.number ?? 0)
  assert.not.equal(newest, one)
  const [file = ''] = filesIn(join(kept, '_pgbackrest'), new RegExp(`${newest}/pg_data/base/.*/1255\\.zst$`))
  const bytes = await readFile(file)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  writeFileSync(file, bytes)
  assert.match(await expectExit(1, world, ['backup', 'check']), 'is not whole in the repository')
})

test.run()

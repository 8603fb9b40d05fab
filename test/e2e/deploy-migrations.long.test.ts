import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, releasesOf, servicesOf, writeSecrets } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(280_000)

/** The tests go on from each other: the schema only ever grows. */
let world: World

test.before(async () => {
  world = await makeWorld({ health: 'interval: 100ms\n  passes: 2\n  deadline: 20s' })
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
  await expectExit(0, world, ['deploy', 'dev'])
})
test.after(() => world.end())

const version = async () => (await world.get('/version'))?.body
/** A release's record, as it is on disk. */
const recordOf = async (number: number) =>
  JSON.parse((await textOf(world, `.ops/releases/dev/${number}/release.json`)) ?? '{}')
const pidOf = async (name: string) => (await servicesOf(world)).find(({ service }) => service === name)?.pid

test('expand pending and a failed gate: the old code comes back, the schema stays, the record says so', async () => {
  await world.write('database/migrations/002_label.sql', '-- migrate:up\nalter table hits add column label text;\n')
  await world.commit('crash', 'v2')
  const text = await expectExit(6, world, ['deploy', 'dev'])
  assert.match(text, /when a gate fails: back to release 1 .*; the schema stays/)
  assert.is(await version(), 'v1 1')
  assert.match(await expectExit(0, world, ['migrate', 'status', 'dev']), /002.*applied/)
  const record = await recordOf(2)
  assert.equal([record.outcome, record.schema.at(-1).version], ['failed', '002'])
})

test('SQL that cannot be read is refused with its place before anything runs', async () => {
  await world.write('database/migrations/003_wrong.sql', '-- migrate:up\nalter table hits\n  add colum nothing text;\n')
  await world.commit('good', 'v3')
  const pid = await pidOf('api')
  const before = (await releasesOf(world)).releases.length
  const text = await expectExit(3, world, ['deploy', 'dev', '--confirm=dev'])
  assert.is((await releasesOf(world)).releases.length, before)
  assert.match(text, /003 wrong \(breaking\)/)
  assert.match(text, /003_wrong\.sql:3:\d+/)
  assert.match(text, /syntax error at or near "text"/)
  assert.equal([await version(), await pidOf('api')], ['v1 1', pid])
})

test('a migration that the server refuses: its place is shown, the old release goes on', async () => {
  await world.write('database/migrations/003_wrong.sql', '-- migrate:up\nalter table hits\n  add column label text;\n')
  await world.commit('good', 'v3')
  const pid = await pidOf('api')
  const text = await expectExit(6, world, ['deploy', 'dev'])
  assert.match(text, /003_wrong\.sql:\d+:\d+/)
  assert.match(text, /column "label" of relation "hits" already exists/)
  assert.equal([await version(), await pidOf('api')], ['v1 1', pid])
  assert.is((await releasesOf(world)).current, 1)
})

test('an applied migration that was edited stops the deploy before anything', async () => {
  await world.git('rm', '-q', 'database/migrations/003_wrong.sql')
  await world.write('database/migrations/003_note.sql', '-- migrate:up\nalter table hits add column note text;\n')
  const original = '-- migrate:up\nalter table hits add column label text;\n'
  await world.write('database/migrations/002_label.sql', `${original}-- and a comment\n`)
  await world.commit('good', 'v4')
  const before = await releasesOf(world)
  const text = await expectExit(3, world, ['deploy', 'dev'])
  assert.match(text, /002_label\.sql/)
  assert.match(text, /edited|changed/)
  assert.equal(await releasesOf(world), before)
  await world.write('database/migrations/002_label.sql', original)
  await world.commit('good', 'v4')
  await expectExit(0, world, ['deploy', 'dev'])
})

test('breaking pending: said beforehand, and its name is asked for', async () => {
  await world.write('database/migrations/004_drop.sql', '-- migrate:up\nalter table hits drop column note;\n')
  await world.commit('crash', 'v5')
  const before = await releasesOf(world)
  for (const args of [
    ['deploy', 'dev'],
    ['deploy', 'dev', '--yes'],
    ['deploy', 'dev', '--confirm=prod'],
  ]) {
    const text = await expectExit(3, world, args)
    assert.match(text, /no way back but restore/)
    assert.match(text, /--confirm=dev/)
  }
  assert.equal(await releasesOf(world), before)
})

test('breaking applied and a failed gate: no way back by itself, the commands are printed', async () => {
  const text = await expectExit(7, world, ['deploy', 'dev', '--confirm=dev'])
  assert.match(text, /cannot find the frobnicator/)
  assert.match(text, /004 drop is breaking/)
  assert.match(text, /next:\n\s+\S/)
  const { releases } = await releasesOf(world)
  assert.is(releases.at(-1)?.outcome, 'failed')
})

test('the next good revision goes on; a rollback across the breaking migration is refused', async () => {
  await world.commit('good', 'v6')
  await expectExit(0, world, ['deploy', 'dev'])
  assert.match((await version()) ?? '', /^v6 /)
  const before = await releasesOf(world)
  const text = await expectExit(3, world, ['rollback', 'dev'])
  assert.match(text, /004 drop is breaking and was applied after release/)
  assert.equal(await releasesOf(world), before)
  assert.match((await version()) ?? '', /^v6 /)
})

test.run()

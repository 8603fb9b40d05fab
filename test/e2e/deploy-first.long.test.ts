import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, health, releasesOf, writeSecrets } from './deploys.ts'
import { die } from './rounds.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(200_000)

let world: World

test.before(async () => {
  world = await makeWorld()
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
test.after(() => world.end())

test('a first deploy that fails stops what it started, the database too, and keeps the data', async () => {
  await world.commit('crash', 'v0')
  const text = await expectExit(1, world, ['deploy', 'dev'])
  assert.match(text, /cannot find the frobnicator/)
  assert.match(text, /stop api/)
  const { current, releases } = await releasesOf(world)
  assert.is(current, undefined)
  assert.equal(
    releases.map(({ outcome }) => outcome),
    ['failed'],
  )
  assert.match(releases[0]?.cause ?? '', /api/)
  assert.is(await world.get('/readyz'), undefined)
  const now = await health(world)
  assert.match(now.postgres ?? '', /^stopped/)
  assert.match(now.api ?? '', /^stopped/)
  await expectExit(0, world, ['services', 'up', 'postgres'])
  assert.match(await expectExit(0, world, ['migrate', 'status', 'dev']), /001.*applied/)
})

test('a database that ran before a failed first deploy goes on running', async () => {
  await expectExit(1, world, ['deploy', 'dev'])
  const now = await health(world)
  assert.is(now.postgres, 'running healthy')
  assert.match(now.api ?? '', /^stopped/)
})

test('rollback has nothing to go to, and says so', async () => {
  assert.match(await expectExit(3, world, ['rollback', 'dev']), /no release to roll back from/)
})

test('secrets that others may read keep nobody from looking and stopping, with or without a release', async () => {
  await secretsReadableByOthers()
})

async function secretsReadableByOthers() {
  const file = join(world.folder, '.env.dev')
  await chmod(file, 0o644)
  for (const command of [
    ['services', 'status'],
    ['services', 'logs'],
    ['services', 'down'],
  ]) {
    assert.match(await expectExit(0, world, command), /\.env\.dev may be read by others/)
  }
  assert.match((await health(world)).postgres ?? '', /^stopped/)
  assert.match(await expectExit(3, world, ['services', 'up']), /chmod 600/)
  await chmod(file, 0o600)
}

test('abort of a first deploy that died stops the engine that it started, and keeps the data', async () => {
  await die(world, ['deploy', 'dev'], 'gate:api:before')
  assert.is((await health(world)).postgres, 'running healthy')
  await expectExit(0, world, ['abort', 'dev'])
  await assertStoppedWithData()
})

test('a first deploy that fails after one that died stops the engine which that one started', async () => {
  await die(world, ['deploy', 'dev'], 'gate:api:before')
  assert.is((await health(world)).postgres, 'running healthy')
  assert.match(await expectExit(1, world, ['deploy', 'dev']), /stop postgres/)
  assert.not((await releasesOf(world)).releases.some(({ outcome }) => outcome === 'pending'))
  await assertStoppedWithData()
})

async function assertStoppedWithData() {
  const now = await health(world)
  assert.match(now.api ?? '', /^stopped/)
  assert.match(now.postgres ?? '', /^stopped/)
  await expectExit(0, world, ['services', 'up', 'postgres'])
  assert.match(await expectExit(0, world, ['migrate', 'status', 'dev']), /001.*applied/)
  await expectExit(0, world, ['services', 'down'])
}

test('the next good one is the first healthy release', async () => {
  await world.commit('good', 'v1')
  await expectExit(0, world, ['deploy', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v1 6')
  assert.is((await releasesOf(world)).current, 6)
  await secretsReadableByOthers()
})

test.run()

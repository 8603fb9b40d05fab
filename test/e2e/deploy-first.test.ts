import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, health, releasesOf, writeSecrets } from './deploys.ts'
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

test('the next good one is the first healthy release', async () => {
  await world.commit('good', 'v1')
  await expectExit(0, world, ['deploy', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v1 3')
  assert.is((await releasesOf(world)).current, 3)
  await secretsReadableByOthers()
})

test.run()

import { chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, timeLimit } from '../support/index.ts'
import { expectExit, releasesOf, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(280_000)

/** The tests go on from each other: releases 1, 2, 3 … of one environment. */
let world: World
let stagingPort: number

const greet = (word: string) =>
  writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: word })

test.before(async () => {
  world = await makeWorld({ keep: 1, health: 'interval: 100ms\n  passes: 2\n  deadline: 20s' })
  stagingPort = await freePort()
  await world.write(
    'config/environments/staging.yaml',
    `name: staging
platform: local
services: { postgres: { ports: { sql: ${await freePort()} } }, api: { ports: { http: ${stagingPort} } } }
database: { service: postgres }
`,
  )
  await world.write('config/environments/.env.staging.example', 'POSTGRES_PASSWORD= # generate: 24\nGREETING=hallo\n')
  await writeSecrets(world, 'staging', { POSTGRES_PASSWORD: 'another-horse-battery', GREETING: 'hallo' })
  await greet('hello-one')
  await world.commit('good', 'v1')
  await expectExit(0, world, ['deploy', 'dev'])
  await expectExit(0, world, ['deploy', 'staging'])
})
test.after(async () => {
  await expectExit(0, world, ['services', 'down', '-e', 'staging'])
  await world.end()
})

test('a rollback brings back the value that a secret had', async () => {
  await greet('hello-two')
  await world.commit('good', 'v2')
  await expectExit(0, world, ['deploy', 'dev'])
  assert.equal([(await world.get('/env'))?.body, (await world.get('/version'))?.body], ['hello-two', 'v2 2'])
  await expectExit(0, world, ['rollback', 'dev'])
  assert.equal([(await world.get('/env'))?.body, (await world.get('/version'))?.body], ['hello-one', 'v1 1'])
})

test('the release that was left is not the target of the next rollback; pruning keeps the target', async () => {
  await world.commit('good', 'v3')
  await expectExit(0, world, ['deploy', 'dev'])
  await world.commit('crash', 'v4')
  await expectExit(6, world, ['deploy', 'dev'])
  const { current, rollbackTarget, releases } = await releasesOf(world)
  assert.equal([current, rollbackTarget], [3, 1])
  assert.equal(
    releases.filter(({ number }) => number === 1 || number === 3).map(({ outcome }) => outcome),
    ['healthy', 'healthy'],
  )
  await expectExit(0, world, ['rollback', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v1 1')
})

test('many releases with keep: 1 leave the current one and its target', async () => {
  for (const version of ['v5', 'v6', 'v7']) {
    await world.commit('good', version)
    await expectExit(0, world, ['deploy', 'dev'])
  }
  const { current, rollbackTarget, releases } = await releasesOf(world)
  const numbers = releases.map(({ number }) => number)
  assert.equal([current, rollbackTarget], [7, 6])
  assert.ok(numbers.includes(7) && numbers.includes(6))
  assert.ok(!numbers.includes(3), `release 3 is gone: ${numbers}`)
  const folders = (await readdir(join(world.folder, '.ops/releases/dev'))).filter((name) => /^\d+$/.test(name))
  assert.equal(folders.map(Number).sort(), numbers.sort())
})

test("another environment's releases are untouched by all that", async () => {
  const { current, releases } = await releasesOf(world, 'staging')
  assert.equal([current, releases.map(({ number, outcome }) => `${number} ${outcome}`)], [1, ['1 healthy']])
  const response = await fetch(`http://127.0.0.1:${stagingPort}/version`)
  assert.is(await response.text(), 'v1 1')
})

test('a rollback works with mistakes in the catalogue', async () => {
  await world.write('config/services/api.yaml', 'name: api\n\tcategory: [applications\n')
  const text = await expectExit(0, world, ['rollback', 'dev'])
  assert.match(text, /api\.yaml/)
  assert.match(text, /record of the current release/)
  assert.is((await world.get('/version'))?.body, 'v6 6')
  await world.git('checkout', '-q', '--', 'config')
})

test('a rollback works on another branch without config/ and services/', async () => {
  await world.commit('good', 'v8')
  await expectExit(0, world, ['deploy', 'dev'])
  await world.git('checkout', '-q', '-b', 'elsewhere')
  await rm(join(world.folder, 'config/services'), { recursive: true })
  await rm(join(world.folder, 'config/environments'), { recursive: true })
  await rm(join(world.folder, 'services'), { recursive: true })
  await expectExit(0, world, ['rollback', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v6 6')
  await world.git('checkout', '-q', '--', '.')
  await world.git('checkout', '-q', 'main')
})

test('secrets that others may read are a warning to a rollback, not an obstacle', async () => {
  const file = join(world.folder, '.env.dev')
  await world.commit('good', 'v8-again')
  await expectExit(0, world, ['deploy', 'dev'])
  await chmod(file, 0o644)
  assert.match(await expectExit(0, world, ['rollback', 'dev']), /\.env\.dev may be read by others/)
  assert.is((await world.get('/version'))?.body, 'v6 6')
  await chmod(file, 0o600)
})

test('a rollback whose gate fails says what to type next and is not pending for ever', async () => {
  await world.commit('good', 'v9')
  await expectExit(0, world, ['deploy', 'dev'])
  const { rollbackTarget, current } = await releasesOf(world)
  const files = join(world.folder, '.ops/releases/dev', String(rollbackTarget))
  const servers = (await readdir(files, { recursive: true })).filter((name) => name.endsWith('dist/server.js'))
  assert.is(servers.length, 1, `${servers}`)
  const broken = join('.ops/releases/dev', String(rollbackTarget), servers[0] as string)
  await world.write(broken, "console.error('the disk ate me'); process.exit(9)\n")
  const text = await expectExit(7, world, ['rollback', 'dev'])
  assert.match(text, /the disk ate me/)
  assert.match(text, /task health-check dev/)
  assert.match(text, /task releases dev/)
  const after = await releasesOf(world)
  assert.not(after.releases.some(({ outcome }) => outcome === 'pending'))
  assert.is(after.current, current)
  const next = text.match(/task (rollback dev --to \d+|deploy dev)/)
  assert.ok(next, `a command that can be typed as it stands:\n${text}`)
  await expectExit(0, world, ['rollback', 'dev', '--to', String(current)])
  assert.match((await world.get('/version'))?.body ?? '', /^v9 /)
})

test.run()

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, processesWith, timeLimit } from '../support/index.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(180_000)

/** The commands below share one world, in their order: this is one story, told in tests. */
let world: World

test.before(async () => {
  world = await makeWorld({ hooks: '{ afterHealthy: [{ task: warm }] }' })
})
test.after(() => world.end())

const shown = (ended: Ended) => ended.stdout + ended.stderr

async function done(...args: string[]): Promise<string> {
  const ended = await world.task(args)
  assert.is(ended.status, 0, shown(ended))
  return shown(ended)
}

type Status = { result: { services: { service: string; status: string; health: string; pid: number }[] } }
const services = async () => (await world.json<Status>(['services', 'status'])).result.services

/** Names, sizes and change times below the environment's releases. */
async function releasesOnDisk(): Promise<string[]> {
  const root = join(world.folder, '.ops/releases')
  const names = await readdir(root, { recursive: true }).catch(() => [])
  const lines = names.map(async (name) => {
    const { size, mtimeMs } = await stat(join(root, name))
    return `${name} ${size} ${mtimeMs}`
  })
  return (await Promise.all(lines)).sort()
}

test('setup makes the environment from nothing', async () => {
  const text = await done('setup', 'dev')
  for (const line of [
    /write .*\.env\.dev/,
    /create:postgres/,
    /migrate postgres: 001 create/,
    /seed:postgres/,
    /build api: node build\.js/,
    /gate:api .*3 passes in a row/,
  ])
    assert.match(text, line)
  assert.match(text, /^steps: (?:\S+ [\d.]+m?s,\s+)+\S+ [\d.]+m?s$/m, 'how long each step took')
  assert.match(text, /^steps:[\s\S]* migrate:postgres [\d.]+m?s,/m)
  assert.is((await stat(join(world.folder, '.env.dev'))).mode & 0o777, 0o600)
  assert.equal(
    (await services()).map(({ service, status, health }) => [service, status, health]),
    [
      ['postgres', 'running', 'healthy'],
      ['api', 'running', 'healthy'],
    ],
  )
  assert.equal(await world.get('/readyz'), { status: 200, body: 'ok' })
})

test('a second setup changes nothing and says so', async () => {
  const before = [await readFile(join(world.folder, '.env.dev'), 'utf8'), await releasesOnDisk(), await services()]
  assert.match(await done('setup', 'dev'), /nothing was changed/)
  const after = [await readFile(join(world.folder, '.env.dev'), 'utf8'), await releasesOnDisk(), await services()]
  const pids = (all: unknown) => (all as Awaited<ReturnType<typeof services>>).map(({ pid }) => pid)
  assert.equal([after[0], after[1], pids(after[2])], [before[0], before[1], pids(before[2])])
})

test('a deploy makes a release; the same again has nothing to do', async () => {
  await done('deploy', 'dev')
  assert.is((await world.get('/version'))?.body, 'v1 1')
  const before = [await releasesOnDisk(), await textOf(world, '.ops/warmed')]
  assert.match(await done('deploy', 'dev'), /nothing to do|nothing was changed/)
  assert.equal([await releasesOnDisk(), await textOf(world, '.ops/warmed')], before)
})

test('the next revision restarts what changed, and only that', async () => {
  await world.commit('good', 'v2')
  const before = await services()
  const text = await done('deploy', 'dev')
  assert.match(text, /restart api/)
  assert.not.match(text, /start:postgres/)
  assert.is((await world.get('/version'))?.body, 'v2 2')
  const [postgres, api] = await services()
  assert.is(postgres?.pid, before[0]?.pid)
  assert.is.not(api?.pid, before[1]?.pid)
  assert.is(await textOf(world, '.ops/warmed'), 'dev 1\ndev 2\n')
  assert.match(await done('releases', 'dev'), /\n2 .*current[\s\S]*\n1 .*healthy/)
})

test('a release is shown whole, with its secrets by their names', async () => {
  const shown = await done('releases', 'show', '2')
  assert.match(shown, /^release 2 of dev \(local\): healthy, current\n {2}revision {2}\S+ \([0-9a-f]{12}\)\n/)
  assert.match(shown, /\n {2}created {3}\S+ \S+, took \S+\n/)
  assert.match(shown, /\n {2}schema {4}\d+ migrations, the last is /)
  assert.match(shown, /\npostgres +postgres \d+/)
  assert.match(shown, /\napi +files [0-9a-f]{12} .*<POSTGRES_PASSWORD>/)
  const { result } = await world.json<{ result: { release: { number: number }; isCurrent: boolean } }>([
    ...['releases', 'show', '1', 'dev'],
  ])
  assert.is(result.release.number, 1)
  assert.is(result.isCurrent, false)
  const unknown = await world.task(['releases', 'show', '9'])
  assert.is(unknown.status, 3, unknown.stderr)
  assert.match(unknown.stderr, /there is no release 9 of dev\n[\s\S]*it has 1, 2[\s\S]*task releases dev/)
})

test('a rollback brings the release before back, and leaves the other', async () => {
  await done('rollback', 'dev')
  assert.is((await world.get('/version'))?.body, 'v1 1')
  assert.match(await done('releases', 'dev'), /\n2 .*left for 1[\s\S]*\n1 .*current/)
})

test('a rollback without an older healthy release changes nothing', async () => {
  const before = await releasesOnDisk()
  const ended = await world.task(['rollback', 'dev'])
  assert.is(ended.status, 3, shown(ended))
  assert.match(shown(ended), /no healthy release is older[\s\S]*task releases dev/)
  assert.is((await world.get('/version'))?.body, 'v1 1')
  assert.equal(await releasesOnDisk(), before)
})

test('down leaves no process', async () => {
  await done('services', 'down')
  assert.equal(await processesWith(world.env.OPS_TEST_WORLD as string), [])
  assert.is(await world.get('/version'), undefined)
})

test.run()

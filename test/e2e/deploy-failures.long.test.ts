import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, releasesOf, shown } from './deploys.ts'
import { type Behaviour, makeWorld, type World } from './world.ts'

timeLimit(280_000)

/** One world: over a healthy v1, each bad release is tried, and v1 must be what answers after each. */
let world: World

test.before(async () => {
  world = await makeWorld({ health: 'interval: 100ms\n  passes: 3\n  deadline: 12s' })
  await expectExit(0, world, ['setup', 'dev'])
  await expectExit(0, world, ['deploy', 'dev'])
})
test.after(() => world.end())

type Shown = {
  result: { entries: { type: string; at: string; plan?: number; op?: string | { id: string }; end?: string }[] }
}
/** How long the gate of the last run took by its journal, in milliseconds. */
async function gateTook(): Promise<number> {
  const { result } = await world.json<Shown>(['runs', 'show', 'last'])
  const at = (found: (entry: Shown['result']['entries'][number]) => boolean) =>
    Date.parse(result.entries.find(found)?.at ?? '')
  const begun = at(
    ({ type, op, plan }) => type === 'op-started' && plan === 1 && typeof op === 'object' && op.id === 'gate:api',
  )
  const ended = at(({ type, op, plan }) => type === 'op-ended' && plan === 1 && op === 'gate:api')
  return ended - begun
}

async function badDeploy(behaviour: Behaviour, version: string): Promise<string> {
  await world.commit(behaviour, version)
  const before = await releasesOf(world)
  const ended = await world.task(['deploy', 'dev'])
  assert.is(ended.status, 6, shown(ended))
  assert.match((await world.get('/version'))?.body ?? '', /^v1 1$/)
  const after = await releasesOf(world)
  assert.is(after.current, 1)
  assert.is(after.releases.length, before.releases.length + 1)
  const last = after.releases.at(-1)
  assert.is(last?.outcome, 'failed')
  assert.match(last?.cause ?? '', /api/)
  return shown(ended)
}

test('a release whose readyz fails: back to the last healthy one, with cause and log', async () => {
  const text = await badDeploy('unready', 'v2')
  assert.match(text, /503/)
  assert.match(text, /no database pool/)
  assert.match(text, /starting v2 unready/)
  assert.match(text, /release 1/)
})

test('the same bad release again fails again', async () => {
  const ended = await world.task(['deploy', 'dev'])
  assert.is(ended.status, 6, shown(ended))
  assert.match((await world.get('/version'))?.body ?? '', /^v1 1$/)
  const { current, releases: all } = await releasesOf(world)
  assert.equal([current, all.map(({ outcome }) => outcome)], [1, ['healthy', 'failed', 'failed']])
})

test('a release that crashes at start: said at once, not at the deadline', async () => {
  const text = await badDeploy('crash', 'v3')
  assert.match(text, /cannot find the frobnicator/)
  assert.match(text, /status 3/)
  const took = await gateTook()
  assert.ok(took < 9_000, `the gate took ${took} ms of its 12 s`)
})

test('a release that flaps never has its passes in a row', async () => {
  const text = await badDeploy('flap', 'v4')
  assert.match(text, /503|in a row/)
})

test('a release that never answers', async () => {
  const text = await badDeploy('silent', 'v5')
  assert.match(text, /starting v5 silent/)
  assert.match(text, /within 1(\.0)?s|timed? ?out|no answer/i)
})

test('a release that is slow to start becomes healthy', async () => {
  await world.commit('slow', 'v6')
  const ended = await world.task(['deploy', 'dev'])
  assert.is(ended.status, 0, shown(ended))
  assert.match((await world.get('/version'))?.body ?? '', /^v6 \d$/)
})

test('rollback goes over all that failed to the last healthy release', async () => {
  const ended = await world.task(['rollback', 'dev'])
  assert.is(ended.status, 0, shown(ended))
  assert.is((await world.get('/version'))?.body, 'v1 1')
  assert.is((await releasesOf(world)).current, 1)
})

test.run()

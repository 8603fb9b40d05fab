import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { until } from '../../support/index.ts'
import { each, expectExit, type Report, said, statuses } from './looks.ts'
import type { World } from './world.ts'

type Releases = { result: { releases: { number: number; outcome: string; current?: boolean }[] } }
const releases = async (world: World) => (await world.json<Releases>(['releases', 'dev'])).result.releases
const lastRelease = async (world: World) => {
  const all = await releases(world)
  return all.reduce((newest, one) => (one.number > newest.number ? one : newest), all[0] as (typeof all)[number])
}

/** Starts a deploy whose gate of `api` never passes, and waits until it waits there. */
async function atTheGate(world: World) {
  const known = new Set(runsOf(world))
  const running = world.start(['deploy', 'dev', '--yes'])
  await until(() => runsOf(world).some((run) => !known.has(run) && journalOf(world, run).includes('"id":"gate:api"')), {
    what: 'the gate of api to begin',
    deadline: 120_000,
  })
  return running
}

const runsFolder = (world: World) => join(world.folder, '.ops', 'runs')
const runsOf = (world: World): string[] => {
  try {
    return readdirSync(runsFolder(world))
  } catch {
    return []
  }
}
const journalOf = (world: World, run: string): string => {
  try {
    return readFileSync(join(runsFolder(world), run, 'journal.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"op-started"'))
      .join('\n')
  } catch {
    return ''
  }
}

let healthy = 0

/** `task deploy|rollback|abort|releases`, gates, the lock and `kill -9`. */
export const deployCases: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async 'a deploy makes a healthy release; once more there is nothing to do'(world) {
    const commit = await world.commit('api', 'good', 'v2')
    const done = await world.json<Report>(['deploy', 'dev', '--yes'])
    assert.is(done.outcome, 'done', JSON.stringify(done))
    assert.is(done.result.current?.commit, commit)
    healthy = done.result.current?.number as number
    const again = await world.json<Report>(['deploy', 'dev', '--yes'])
    assert.equal([again.outcome, again.result.changed], ['done', false], JSON.stringify(again.result.ops))
    assert.is((await lastRelease(world)).number, healthy)
    assert.equal(await statuses(world), each('running'))
  },

  async 'a gate that fails says why, and the deploy goes back'(world) {
    await world.commit('api', 'broken', 'v3')
    const text = await expectExit(6, world, ['deploy', 'dev', '--yes'])
    assert.match(text, /cannot find the frobnicator/, 'its last words')
    const newest = await lastRelease(world)
    assert.equal([newest.number, newest.outcome], [healthy + 1, 'failed'])
    assert.equal(await statuses(world), each('running'))
    assert.is((await world.json<Report>(['services', 'up'])).result.changed, false)
  },

  async 'who finds it locked is told by whom; reading goes on'(world) {
    await world.commit('api', 'unready', 'v4')
    const deploying = await atTheGate(world)
    try {
      const other = (await world.clone?.()) ?? world
      const refused = await other.task(['services', 'down', '--yes'])
      assert.is(refused.status, 4, said(refused))
      assert.match(said(refused), new RegExp(`is locked by .*process ${deploying.pid}\\): deploy HEAD`))
      assert.is((await other.task(['services', 'status'])).status, 0)
    } finally {
      process.kill(deploying.pid, 'SIGKILL')
      await deploying.ended
    }
    const told = await world.task(['services', 'status'])
    assert.match(told.stderr, /ended without a word/)
    assert.match(told.stderr, /task resume dev, or task abort dev/)
  },

  async 'another clone goes back from a deploy whose process was killed'(world) {
    const other = (await world.clone?.()) as World
    const abort = await other.task(['abort', 'dev', '--yes'])
    assert.is(abort.status, 0, said(abort))
  },

  async 'a deploy whose process was killed is gone back from'(world) {
    // Where another clone has done it, there is nothing left to do, and this one hears of it.
    await expectExit(0, world, ['abort', 'dev', '--yes'])
    assert.is((await lastRelease(world)).outcome, 'failed')
    assert.equal(await statuses(world), each('running'))
    assert.not.match((await world.task(['services', 'status'])).stderr, /without a word|not finished/)
  },

  async 'a rollback goes to the last healthy release'(world) {
    await world.commit('api', 'good', 'v5')
    const done = await world.json<Report>(['deploy', 'dev', '--yes'])
    assert.is(done.outcome, 'done', JSON.stringify(done))
    const before = await world.instances()
    const back = await world.json<Report>(['rollback', 'dev', '--yes'])
    assert.is(back.outcome, 'done', JSON.stringify(back))
    assert.is(back.result.current?.number, healthy, 'not to the failed ones between')
    const after = await world.instances()
    assert.is(after.api.filter((one) => before.api.includes(one)).length, 0)
    assert.equal({ ...after, api: [] }, { ...before, api: [] })
    assert.equal(await statuses(world), each('running'))
    assert.is((await world.json<Report>(['services', 'up'])).result.changed, false)
  },
}

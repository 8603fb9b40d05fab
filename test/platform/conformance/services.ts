import * as assert from 'uvu/assert'
import { each, expectExit, type Report, statuses } from './looks.ts'
import type { World } from './world.ts'

const starts = ({ result }: Report): string[] =>
  result.ops.filter(({ kind }) => kind === 'start-service').map(({ id }) => id)

/** `task services …`, `task resume`. */
export const serviceCases: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async 'up starts every service after what it needs; once more there is nothing to do'(world) {
    if (world.platform === 'kubernetes') {
      // A cluster runs releases.
      assert.match(await expectExit(3, world, ['services', 'up']), /has no release/)
      await expectExit(0, world, ['deploy', 'dev', '--yes'])
      await expectExit(0, world, ['services', 'down'])
    }
    const first = await world.json<Report>(['services', 'up'])
    assert.is(first.outcome, 'done', JSON.stringify(first))
    assert.equal(starts(first).sort(), ['start:api', 'start:page', 'start:side', 'start:store'])
    const before = (id: string) => first.result.ops.find((op) => op.id === id)?.after ?? []
    assert.ok(before('start:api').some((id) => id === 'gate:store'))
    assert.ok(before('start:page').some((id) => id === 'gate:api'))
    assert.equal(await statuses(world), each('running'))
    const again = await world.json<Report>(['services', 'up'])
    assert.is(again.outcome, 'done')
    assert.is(again.result.changed, false, JSON.stringify(again.result.ops))
  },

  async 'logs are those of the services asked for'(world) {
    assert.match(await expectExit(0, world, ['services', 'logs', 'store']), /listening|starts/)
    const { status, stdout } = await world.task(['services', 'logs', 'api', 'side', '--lines', '1'])
    assert.is(status, 0)
    assert.match(stdout, /api/)
    assert.match(stdout, /side/)
    assert.not.match(stdout, /page/)
    await expectExit(2, world, ['services', 'logs', 'nobody'])
  },

  async 'down of one leaves the others, and names what needs it; up starts it alone'(world) {
    const before = await world.instances()
    assert.match(await expectExit(0, world, ['services', 'down', 'store']), /api needs store and keeps running/)
    assert.equal(await statuses(world), { ...each('running'), store: 'stopped' })
    const up = await world.json<Report>(['services', 'up', 'api'])
    assert.equal(starts(up), ['start:store'])
    const after = await world.instances()
    assert.equal({ ...after, store: [] }, { ...before, store: [] })
    assert.is.not(after.store.join(), before.store.join())
  },

  async 'restart starts one anew, and no other'(world) {
    const before = await world.instances()
    await expectExit(0, world, ['services', 'restart', 'api'])
    const after = await world.instances()
    assert.equal({ ...after, api: [] }, { ...before, api: [] })
    assert.is(after.api.length, before.api.length)
    assert.is(after.api.filter((one) => before.api.includes(one)).length, 0)
    assert.equal(await statuses(world), each('running'))
  },

  async 'down stops everything, and has nothing to do then'(world) {
    await expectExit(0, world, ['services', 'down'])
    assert.equal(await statuses(world), each('stopped'))
    assert.is((await world.json<Report>(['services', 'down'])).result.changed, false)
  },

  async 'resilient: a failed service takes down exactly what depends on it'(world) {
    await world.fail('store', true)
    const { status, stdout, stderr } = await world.task(['services', 'up', '--resilient', '--json'])
    assert.is(status, 5, stdout + stderr)
    const { outcome, failures, result } = JSON.parse(stdout) as Report
    assert.is(outcome, 'partial')
    assert.equal(result.partly?.done, ['side'], 'what can do without it goes on')
    assert.equal(
      result.partly?.failed.map(({ service }) => service),
      ['store'],
    )
    assert.match(result.partly?.failed[0]?.reason ?? '', /\w/)
    assert.equal(result.partly?.skipped, [
      { service: 'api', because: ['store'] },
      { service: 'page', because: ['store'] },
    ])
    assert.ok(failures?.[0]?.next?.includes('task resume dev'), JSON.stringify(failures))
    const now = await statuses(world)
    assert.is(now.side, 'running')
    assert.equal([now.api, now.page], ['stopped', 'stopped'])
    const told = await world.task(['services', 'status'])
    assert.match(told.stderr, /services up dev .*left store, api, page undone/)
    assert.match(told.stderr, /mend: task resume dev/)

    if (world.platform !== 'local') return
    // Nothing has changed: the same is left, said once. The words are everywhere the same.
    const again = await world.task(['resume', 'dev'])
    assert.is(again.status, 1, again.stdout + again.stderr)
    assert.match(again.stdout, /store +failed/)
    assert.match(again.stdout, /page +skipped +of store/)
    assert.is((await world.task(['services', 'status'])).stderr.match(/undone/g)?.length, 1)
  },

  async 'resume brings up what was left, and touches nothing else'(world) {
    await world.fail('store', false)
    const { side } = await world.instances()
    const resumed = await world.json<Report>(['resume', 'dev'])
    assert.is(resumed.outcome, 'done', JSON.stringify(resumed))
    // A cluster has brought the store up by itself, as soon as it could.
    const others = starts(resumed).filter((id) => id !== 'start:store')
    assert.equal(others.sort(), ['start:api', 'start:page'])
    assert.equal(await statuses(world), each('running'))
    assert.equal((await world.instances()).side, side)
    assert.not.match((await world.task(['services', 'status'])).stderr, /undone/)
    assert.match(await expectExit(3, world, ['resume', 'dev']), /no unfinished deploy, and no services left/)
  },

  async 'what a failed up has replaced runs again'(world) {
    const before = await world.instances()
    await world.fail('api', true)
    const text = await expectExit(1, world, ['services', 'up'])
    assert.match(text, /cannot find the frobnicator/)
    assert.match(text, /let what api had before run again/)
    assert.equal(await world.instances(), before)
    assert.equal(await statuses(world), each('running'))
    await world.fail('api', false)
    const mended = await world.json<Report>(['services', 'up'])
    assert.equal([mended.outcome, mended.result.changed], ['done', false], JSON.stringify(mended.result.ops))
  },
}

/** `task deploy`, `rollback` and `releases` on a real Docker engine, with a PostgreSQL that publishes no port. */
import { rmSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(1_200_000)

let world: DockerWorld
test.before(async () => {
  world = await makeDockerWorld({
    database: true,
    services: [],
    health: 'interval: 200ms\n  passes: 2\n  deadline: 20s',
  })
})
test.after(() => world.end())

async function expectExit(status: number, args: readonly string[], on = world): Promise<string> {
  const { status: is, stdout, stderr } = await on.task(args)
  assert.is(is, status, `task ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout + stderr
}

type Releases = {
  current?: number
  releases: { number: number; outcome: string; cause?: string; left?: { to: number } }[]
}
const releases = async (on = world) => (await on.json<{ result: Releases }>(['releases', 'dev'])).result
const webContainers = async () => (await world.containers()).filter((line) => line.includes('-web-'))

test('a first deploy makes the network, migrates a database without a published port, and gates', async () => {
  const said = await expectExit(0, ['deploy', 'dev'])
  assert.match(said, /create the network/)
  assert.match(said, /migrate:postgres done/)
  assert.is((await world.get('/version'))?.body, 'v1 1')
  assert.equal(await world.engine.docker(['port', `${world.name}-dev-postgres-postgres-1`]), '')
  assert.match(await expectExit(0, ['migrate', 'status', 'dev']), /001/)
  assert.match(await expectExit(0, ['deploy', 'dev']), /nothing to do/)
})

test('the next one replaces what changed; the record has images by what they are, and no secret', async () => {
  await world.commit('good', 'v2')
  await expectExit(0, ['deploy', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v2 2')
  assert.is((await webContainers()).length, 1)
  const shown = await expectExit(0, ['releases', 'dev', '--json'])
  assert.not.match(shown, /correct-horse|token-of-the-web/)
  assert.is((await releases()).current, 2)
})

test('a release that does not become ready leaves the containers of the one before, which come back', async () => {
  const kept = await world.engine.docker([
    'inspect',
    '--format',
    '{{.Id}}',
    (await webContainers())[0]?.split(' ')[0] ?? '',
  ])
  for (const [behaviour, cause] of [
    ['crash', /cannot find the frobnicator/],
    ['unready', /no pool|503/],
  ] as const) {
    await world.commit(behaviour, behaviour)
    assert.match(await expectExit(6, ['deploy', 'dev']), cause)
    assert.is((await world.get('/version'))?.body, 'v2 2')
    const [only, ...more] = await webContainers()
    assert.equal(more, [])
    assert.is(await world.engine.docker(['inspect', '--format', '{{.Id}}', only?.split(' ')[0] ?? '']), kept)
  }
  const { current, releases: all } = await releases()
  assert.is(current, 2)
  assert.equal(all.map(({ outcome }) => outcome).slice(0, 4), ['healthy', 'healthy', 'failed', 'failed'])
})

test('rollback goes to the last healthy release, from another clone whose first one is gone', async () => {
  await world.commit('good', 'v3')
  await expectExit(0, ['deploy', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v3 5')
  const clone = await makeDockerWorld({ clone: world, database: true, services: [] })
  rmSync(`${world.folder}/.ops`, { recursive: true, force: true })
  const said = await expectExit(0, ['rollback', 'dev'], clone)
  assert.match(said, /restart web/)
  assert.is((await world.get('/version'))?.body, 'v2 2')
  const { current, releases: all } = await releases(clone)
  assert.is(current, 2)
  assert.is(all.find(({ number }) => number === 5)?.left?.to, 2)
})

test.run()

/** Operations that hooks and tasks of one's own call: one invocation holds one lock. And a way back that was killed. */
import { rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, health, releasesOf, shown, writeSecrets } from './deploys.ts'
import { die, done } from './rounds.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(280_000)

const taskfile = `
import { appendFileSync, existsSync } from 'node:fs'
import { number, task, text } from 'vital-ops'
import { operations } from 'vital-ops/operations'

const all = operations()
export default all
const { up, restart, status } = all.services.commands

export const inside = task({
  description: 'A hook that looks, migrates and restarts; told so, it deploys',
  args: { environment: text(), release: number() },
  run: async ({ args: { environment, release }, run, workspaceFolder }) => {
    const note = (line: unknown) => appendFileSync(workspaceFolder + '/.ops/inside', JSON.stringify(line) + '\\n')
    if (existsSync(workspaceFolder + '/.ops/deploy-inside')) await run(all.deploy, { environment, allowDirty: true })
    const { services } = await run(status, { environment })
    const { healthy } = await run(all.healthCheck, { environment })
    await run(all.migrate.commands.up, { environment })
    const restarted = await run(restart, { environment, names: ['api'] })
    note([release, services.length, healthy, restarted.changed])
  },
})

export const ship = task({
  description: 'Deploys, then looks; both at once with a restart',
  run: async ({ run }) => {
    const { current } = await run(all.deploy, { environment: 'dev' })
    await Promise.all([run(restart, { names: ['api'] }), run(up, { names: ['postgres'] })])
    return { current }
  },
})
`

let world: World
const inside = async () => ((await textOf(world, '.ops/inside')) ?? '').split('\n').filter(Boolean)

test.before(async () => {
  world = await makeWorld({
    taskfile,
    hooks: '{ afterHealthy: [{ task: inside }] }',
    health: 'interval: 100ms\n  passes: 2\n  deadline: 6s',
  })
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
test.after(() => world.end())

test('a hook works with operations under the lock of its deploy; run(deploy) gives the release', async () => {
  for (const number of [1, 2]) {
    const { stdout } = await done(world, ['--json', 'ship'])
    const { result } = JSON.parse(stdout) as { result: { current: { number: number; outcome: string } } }
    assert.equal([result.current.number, result.current.outcome], [number, 'healthy'])
    assert.is(
      (await world.get('/version'))?.body,
      `v${number} ${number}`,
      'a restart in the hook keeps the new release',
    )
    await world.commit('good', `v${number + 1}`)
  }
  assert.equal(await inside(), ['[1,2,true,true]', '[2,2,true,true]'])
})

test('a hook that deploys its own environment is refused, and the deploy goes back', async () => {
  await world.write('.ops/deploy-inside', '')
  const text = await expectExit(6, world, ['deploy', 'dev'])
  assert.match(text, /a hook cannot deploy dev: it is part of its deploy HEAD/)
  assert.is((await world.get('/version'))?.body, 'v2 2')
  const same = await expectExit(6, world, ['deploy', 'dev', '--allow-dirty'])
  assert.match(same, /inside runs deploy, which waits for inside already: with the same arguments it is the same run/)
  assert.match(same, /take deploy out of inside, and run one after the other/)
  assert.is((await world.get('/version'))?.body, 'v2 2')
  await rm(join(world.folder, '.ops/deploy-inside'))
})

test('a deploy that dies on its way back is unfinished for every clone, and abort ends it', async () => {
  await world.commit('unready', 'v4')
  await die(world, ['deploy', 'dev'], '2/start:api:before')
  await rm(join(world.folder, '.ops/runs'), { recursive: true })
  const looked = await done(world, ['services', 'status'])
  assert.match(looked.stderr, /was not finished/, shown(looked))
  await expectExit(0, world, ['services', 'restart', 'postgres'])
  assert.is((await releasesOf(world)).releases.at(-1)?.outcome, 'pending', 'a part of it settles nothing')
  await expectExit(0, world, ['abort', 'dev'])
  assert.is((await world.get('/version'))?.body, 'v2 2')
  assert.is((await releasesOf(world)).releases.at(-1)?.outcome, 'failed')
  assert.equal(await health(world), { api: 'running healthy', postgres: 'running healthy' })
})

test('a healthy release that could not be made current: abort says no, and resume writes it down', async () => {
  if (process.platform !== 'linux') return
  await world.commit('good', 'v5')
  const pointer = join(world.folder, '.ops/releases/dev/current.json')
  await rename(pointer, `${pointer}.kept`)
  await symlink('/proc/sys/kernel/ostype', pointer)
  const text = await expectExit(8, world, ['deploy', 'dev'])
  assert.match(text, /task resume dev\n +.*task rollback dev/)
  await rename(`${pointer}.kept`, pointer)
  const number = (await releasesOf(world)).releases.at(-1)?.number
  assert.match((await done(world, ['services', 'status'])).stderr, new RegExp(`of release ${number} .* left work`))
  const refused = await expectExit(3, world, ['abort', 'dev'])
  assert.match(refused, new RegExp(`release ${number} of dev is healthy, and cannot be aborted`))
  await expectExit(0, world, ['resume', 'dev', '--dry-run'])
  assert.match(
    await expectExit(0, world, ['resume', 'dev']),
    new RegExp(`release ${number} of dev is healthy and current`),
  )
  assert.not.match((await done(world, ['services', 'status'])).stderr, /left work/)
  assert.match(await expectExit(3, world, ['resume', 'dev']), /dev has no unfinished deploy/)
  assert.is((await releasesOf(world)).current, number)
})

test.run()

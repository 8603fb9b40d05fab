import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit, releasesOf, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(200_000)

let world: World
let plan: string

test.before(async () => {
  world = await makeWorld({ health: 'interval: 100ms\n  passes: 2\n  deadline: 20s' })
  plan = join(world.env.OPS_TEST_WORLD as string, 'plan.json')
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
})
test.after(() => world.end())

/** Not the workspace's, and how the Taskfile was bundled, which every command keeps (`task --list` too). */
const outside = /^(node_modules|\.git|\.ops\/cache\/taskfile)\//

/** Every file below the world's folders with its bytes, mode and time of change. */
async function tree(): Promise<string[]> {
  const root = world.folder
  const names = (await readdir(root, { recursive: true })).filter((name) => !outside.test(name))
  const lines = names.map(async (name) => {
    const path = join(root, name)
    const stat = await lstat(path)
    const content = stat.isFile() ? await readFile(path) : stat.isSymbolicLink() ? await readlink(path) : ''
    // Sockets and folders count by name and mode; a folder's time would be that of its newest entry.
    const time = stat.isFile() ? stat.mtimeMs : ''
    return `${name} ${stat.mode} ${time} ${createHash('sha256').update(content).digest('hex')}`
  })
  return (await Promise.all(lines)).sort()
}

/** Files that running services write by themselves. */
const byServices = /^\.ops\/(logs|state|supervisor)/

test('a dry run in an untouched workspace writes nothing at all', async () => {
  // The first command of all keeps its bundle of the Taskfile.
  await expectExit(0, world, ['--list'])
  const before = await tree()
  for (const command of [
    ['deploy', 'dev'],
    ['setup', 'dev'],
    ['services', 'up'],
  ]) {
    const text = await expectExit(0, world, [...command, '--dry-run'])
    assert.match(text, /start:api/)
    assert.equal(await tree(), before, command.join(' '))
  }
})

test('a dry run over a running release writes nothing at all', async () => {
  await expectExit(0, world, ['deploy', 'dev'])
  await world.commit('good', 'v2')
  const steady = async () => (await tree()).filter((line) => !byServices.test(line))
  const before = await steady()
  assert.match(await expectExit(0, world, ['deploy', 'dev', '--dry-run']), /restart api \(release 2\)/)
  assert.equal(await steady(), before)
  assert.is((await world.get('/version'))?.body, 'v1 1')
})

test('an approved plan runs', async () => {
  await expectExit(0, world, ['deploy', 'dev', '--plan-out', plan])
  assert.is((await world.get('/version'))?.body, 'v1 1')
  assert.not.match(await readFile(plan, 'utf8'), /correct-horse-battery/)
  await expectExit(0, world, ['deploy', 'dev', '--plan', plan])
  assert.is((await world.get('/version'))?.body, 'v2 2')
})

test('a plan that is not the approved one any more is refused with the difference', async () => {
  await world.commit('good', 'v3')
  await expectExit(0, world, ['deploy', 'dev', '--plan-out', plan])
  await world.write('database/migrations/002_more.sql', '-- migrate:up\ncreate table more (n int);\n')
  await world.commit('good', 'v4')
  const before = await releasesOf(world)
  const text = await expectExit(3, world, ['deploy', 'dev', '--plan', plan])
  assert.match(text, /not the one that was shown any more; nothing was changed/)
  assert.match(text, /new: migrate:postgres/)
  assert.match(text, /changed: .*export/)
  assert.equal(await releasesOf(world), before)
  assert.is((await world.get('/version'))?.body, 'v2 2')
})

test('an edited plan file is refused', async () => {
  await expectExit(0, world, ['deploy', 'dev', '--plan-out', plan])
  const text = await readFile(plan, 'utf8')
  await writeFile(plan, text.replace('"build.js"', '"other.js"'))
  assert.match(
    await expectExit(3, world, ['deploy', 'dev', '--plan', plan]),
    /its ops were edited after it was written/,
  )
  await writeFile(plan, '{')
  assert.match(await expectExit(3, world, ['deploy', 'dev', '--plan', plan]), /is not a plan that this version wrote/)
  assert.match(
    await expectExit(3, world, ['deploy', 'dev', '--plan', `${plan}.none`]),
    /there is no plan in .*--plan-out/s,
  )
  assert.is((await world.get('/version'))?.body, 'v2 2')
})

test.run()

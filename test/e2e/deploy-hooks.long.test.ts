import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run, timeLimit, until } from '../support/index.ts'
import { expectExit, releasesOf, shown, writeSecrets } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(280_000)

const moments = [
  'beforeBuild',
  'afterBuild',
  'beforeMigrate',
  'afterMigrate',
  'beforeGate',
  'afterHealthy',
  'onFailure',
  'afterRollback',
]

/** A task for each moment leaves a line; the one before the build waits as long as it is told to, and each can be told to fail. */
const taskfile = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { number, task, text } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()

const at = (moment: string) =>
  task({
    description: 'Leaves a line: ' + moment,
    args: { environment: text(), release: number(), revision: text(), previous: number().optional() },
    run: async ({ args, workspaceFolder, signal }) => {
      appendFileSync(workspaceFolder + '/.ops/moments', moment + ' ' + args.environment + ' ' + args.release + ' ' + args.previous + '\\n')
      while (existsSync(workspaceFolder + '/.ops/hold-' + moment)) await pause(50, undefined, { signal })
      if (existsSync(workspaceFolder + '/.ops/fail-' + moment)) throw new Error('the hook at ' + moment + ' broke')
    },
  })
${moments.map((moment) => `export const at${moment[0]?.toUpperCase()}${moment.slice(1)} = at('${moment}')`).join('\n')}
`
const named = (moment: string) => `at-${moment.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
const hooks = (warn: string[] = []) =>
  `{ ${moments.map((moment) => `${moment}: [{ task: ${named(moment)}${warn.includes(moment) ? ', onError: warn' : ''} }]`).join(', ')} }`

const environment = (text: string) => `name: dev
platform: local
database: { service: postgres }
deploy:
  hooks: ${text}
notifications:
  - { on: [healthy, failed, rolled-back], command: [node, tell.mjs] }
`
const tell = `import { appendFileSync, readFileSync } from 'node:fs'
const { on, environment, release } = JSON.parse(readFileSync(0, 'utf8'))
appendFileSync('.ops/told', on + ' ' + environment + ' ' + release.number + '\\n')
`

let world: World
const file = (name: string) => join(world.folder, '.ops', name)
const lines = async (name: string) => ((await textOf(world, `.ops/${name}`)) ?? '').split('\n').filter(Boolean)
async function clear(): Promise<void> {
  await writeFile(file('moments'), '')
  await writeFile(file('told'), '')
}
const remove = (name: string) => rm(file(name), { force: true })

test.before(async () => {
  world = await makeWorld({ taskfile, health: 'interval: 100ms\n  passes: 2\n  deadline: 20s' })
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
  await world.write('tell.mjs', tell)
  await world.write('config/environments/dev.yaml', environment(hooks()))
  await world.commit('good', 'v1')
})
test.after(() => world.end())

test('each moment runs once, in order, with its arguments; how long it took is told in one way', async () => {
  const text = await expectExit(0, world, ['deploy', 'dev'])
  const [, line] = /^deploy +│ ✔ done \((.+)\)$/m.exec(text) ?? []
  const [, summary] = /^deploy dev: release 1 is healthy, in (.+)$/m.exec(text) ?? []
  assert.ok(line, text)
  assert.is(summary, line)
  assert.equal(
    await lines('moments'),
    moments.slice(0, 6).map((moment) => `${moment} dev 1 undefined`),
  )
  assert.equal(await lines('told'), ['healthy dev 1'])
})

test('hooks run under the lock: another deploy is told who has it', async () => {
  await writeFile(file('hold-beforeBuild'), '')
  await world.commit('good', 'v2')
  const first = world.start(['deploy', 'dev'], { timeout: 120_000 })
  await until(async () => (await lines('moments')).includes('beforeBuild dev 2 1'), {
    what: 'the hook',
    deadline: 60_000,
  })
  const text = await expectExit(4, world, ['deploy', 'dev'])
  assert.match(text, /deploy HEAD/)
  assert.match(text, /\S+@\S+/)
  await remove('hold-beforeBuild')
  const ended = await first.ended
  assert.is(ended.status, 0, shown(ended))
})

test('a failing hook fails the deploy and goes back; hooks of the failure run first', async () => {
  await clear()
  await writeFile(file('fail-afterHealthy'), '')
  await writeFile(file('fail-onFailure'), '')
  await world.commit('good', 'v3')
  const text = await expectExit(6, world, ['deploy', 'dev'])
  assert.match(text, /the hook afterHealthy failed: task at-after-healthy/)
  assert.match(text, /the hook at onFailure broke/)
  assert.is((await world.get('/version'))?.body, 'v2 2')
  assert.equal((await lines('moments')).slice(-3), [
    'afterHealthy dev 3 2',
    'onFailure dev 3 2',
    'afterRollback dev 2 3',
  ])
  assert.equal(await lines('told'), ['failed dev 3', 'rolled-back dev 2'])
  const { current, releases } = await releasesOf(world)
  assert.equal([current, releases.at(-1)?.outcome], [2, 'failed'])
})

test('a failing hook that only warns lets the deploy go on', async () => {
  await clear()
  await world.write('config/environments/dev.yaml', environment(hooks(['afterHealthy'])))
  await world.commit('good', 'v4')
  const text = await expectExit(0, world, ['deploy', 'dev'])
  assert.match(text, /the hook at afterHealthy broke|the hook afterHealthy failed/)
  assert.is((await world.get('/version'))?.body, 'v4 4')
  assert.equal(await lines('told'), ['healthy dev 4'])
})

test('a hook that fails before anything is changed leaves what runs alone', async () => {
  await clear()
  await writeFile(file('fail-beforeBuild'), '')
  await world.commit('good', 'v5')
  const text = await expectExit(6, world, ['deploy', 'dev'])
  assert.match(text, /the hook beforeBuild failed/)
  assert.is((await world.get('/version'))?.body, 'v4 4')
  assert.equal((await lines('moments'))[1], 'onFailure dev 5 4')
  await remove('fail-beforeBuild')
})

test('a hook that takes too long is ended with all that it started; a task named at two moments runs at both', async () => {
  const before = await readFile(join(world.folder, 'Taskfile.ts'), 'utf8')
  const slow = `
export const slow = task({
  description: 'Hangs in a command, and leaves a line when it was ended',
  run: async ({ $, workspaceFolder, signal }) => {
    signal.addEventListener('abort', () => appendFileSync(workspaceFolder + '/.ops/moments', 'ended\\n'), { once: true })
    appendFileSync(workspaceFolder + '/.ops/moments', 'slow\\n')
    await $\`sleep 4711\`
  },
})
export const twice = task({
  run: ({ workspaceFolder }) => appendFileSync(workspaceFolder + '/.ops/moments', 'twice\\n'),
})
`
  await world.write('Taskfile.ts', before + slow)
  const others =
    'beforeBuild: [{ task: twice }], beforeGate: [{ task: twice }], afterRollback: [{ task: at-after-rollback }]'
  await world.write(
    'config/environments/dev.yaml',
    environment(`{ ${others}, afterHealthy: [{ task: slow, timeout: 2s, onError: warn }] }`),
  )
  await clear()
  await world.commit('good', 'v6')
  const text = await expectExit(0, world, ['deploy', 'dev'])
  assert.match(text, /was not done within 2\.0s/, text)
  assert.equal(await lines('moments'), ['twice', 'twice', 'slow', 'ended'])
  assert.is((await run(['pgrep', '-fx', 'sleep 4711'])).stdout, '')
  await world.write('Taskfile.ts', before)
  await world.write('config/environments/dev.yaml', environment(hooks(['afterHealthy'])))
})

test('a message that cannot be delivered undoes nothing', async () => {
  await world.write('tell.mjs', 'process.exit(3)\n')
  await world.commit('good', 'v7')
  const text = await expectExit(0, world, ['deploy', 'dev'])
  assert.match(text, /notification/)
  assert.is((await world.get('/version'))?.body, 'v7 7')
})

test('an unknown task is found before anything runs, with the nearest name', async () => {
  await clear()
  const text = await readFile(join(world.folder, 'config/environments/dev.yaml'), 'utf8')
  await world.write('config/environments/dev.yaml', text.replace('at-on-failure', 'at-on-failur'))
  await world.commit('good', 'v8')
  const before = await releasesOf(world)
  const said = await expectExit(3, world, ['deploy', 'dev'])
  assert.match(
    said,
    /the hook onFailure names the task at-on-failur, which the Taskfile does not have; did you mean at-on-failure\?/,
  )
  assert.equal([await lines('moments'), await releasesOf(world)], [[], before])
})

test('a rollback is not stopped by a hook whose task is gone', async () => {
  await world.write('Taskfile.ts', "import { operations } from 'vital-ops/operations'\nexport default operations()\n")
  const text = await expectExit(0, world, ['rollback', 'dev'])
  assert.match(text, /at-after-rollback/)
  assert.is((await world.get('/version'))?.body, 'v6 6')
})

test.run()

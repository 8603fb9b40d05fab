import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, processesWith, timeLimit, until } from '../support/index.ts'
import { expectExit, health, type Status, servicesOf, shown, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(200_000)

/** Besides the API and its database: a service that tells where the API is, and one whose main process leaves a child behind. */
let world: World
let asking: number

const asker = `
import { createServer } from 'node:http'
createServer((request, response) => response.end(process.env.API_URL)).listen(Number(process.env.PORT), '127.0.0.1', () => {
  setInterval(() => console.log('asker says hello'), 200)
})
`
const askerYaml = (port: number) => `name: asker
category: utilities
dependencies: [api]
local: { command: [node, asker.js], directory: services/asker, ports: { http: ${port} }, grace: 2s }
configuration:
  environment_variables:
    PORT: \${ports.http}
    API_URL: http://\${services.api.host}:\${services.api.port}
health: { probes: [{ type: http, path: /, timeout: 1s }], interval: 100ms, passes: 1, deadline: 20s }
`

test.before(async () => {
  world = await makeWorld({ health: 'interval: 100ms\n  passes: 2\n  deadline: 20s' })
  asking = await freePort()
  await world.write('services/asker/asker.js', asker)
  await world.write('config/services/asker.yaml', askerYaml(asking))
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: 'correct-horse-battery', GREETING: 'hello' })
  await world.commit('good', 'v1')
})
test.after(() => world.end())

const apiUrl = async () => (await fetch(`http://127.0.0.1:${asking}/`)).text()
const one = async (name: string) => (await servicesOf(world)).find(({ service }) => service === name)

test('a port in use is found before anything is started, with its owner and a free one', async () => {
  const squatter = createServer().listen(world.ports.api, '127.0.0.1')
  await new Promise((resolve) => squatter.once('listening', resolve))
  try {
    const text = await expectExit(3, world, ['services', 'up'])
    assert.match(text, new RegExp(`port ${world.ports.api} \\(http of api\\) is in use by .*\\(pid ${process.pid}`))
    assert.match(text, /; \d+ is free/)
    assert.match(text, /--resolve-ports/)
    assert.equal(
      (await servicesOf(world)).filter(({ status }) => status !== 'stopped'),
      [],
    )

    await expectExit(0, world, ['services', 'up', '--resolve-ports'])
    const port = (await one('api'))?.ports.http as number
    assert.is.not(port, world.ports.api)
    assert.is(await apiUrl(), `http://127.0.0.1:${port}`)
    assert.is((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
    const again = await expectExit(0, world, ['services', 'up'])
    assert.match(again, /nothing to do/)
    assert.is((await one('api'))?.ports.http, port)
  } finally {
    squatter.close()
  }
})

test('status --json has the state of each service', async () => {
  const states = await servicesOf(world)
  assert.equal(
    states.map(({ service, status, health: found }) => `${service} ${status} ${found}`),
    ['postgres running healthy', 'api running healthy', 'asker running healthy'],
  )
  for (const state of states as (Status & { uptimeMs: number; startedAt: string })[]) {
    assert.ok(Number.isInteger(state.pid) && state.uptimeMs >= 0 && state.restarts === 0, JSON.stringify(state))
    assert.is(new Date(state.last_updated).toISOString(), state.last_updated)
    assert.is(new Date(state.startedAt).toISOString(), state.startedAt)
  }
})

test('status --watch shows changes until it is interrupted', async () => {
  const watching = world.start(['services', 'status', '--watch'])
  await until(() => /asker +running/.test(watching.stdout()), { what: 'the first look' })
  await expectExit(0, world, ['services', 'down', 'asker'])
  await until(() => /asker +stopped/.test(watching.stdout()), { what: 'the change to be shown' })
  watching.child.kill('SIGINT')
  assert.is((await watching.ended).status, 130)
})

test('health-check --watch ends with what it saw last, not with probes that the interruption has cut off', async () => {
  const watching = world.start(['health-check', '--watch'])
  await until(() => /postgres +postgres +passed/.test(watching.stdout()), { what: 'the first look' })
  watching.child.kill('SIGINT')
  const { status, stdout } = await watching.ended
  assert.is(status, 130)
  assert.not.match(stdout, /cancelled/)
})

test('up, down and restart of names and categories', async () => {
  await expectExit(0, world, ['services', 'up', 'asker'])
  const before = await servicesOf(world)
  const pid = (states: Status[], name: string) => states.find(({ service }) => service === name)?.pid
  await expectExit(0, world, ['services', 'restart', 'api'])
  const after = await servicesOf(world)
  assert.is(pid(after, 'postgres'), pid(before, 'postgres'))
  assert.is.not(pid(after, 'api'), pid(before, 'api'))
  const text = await expectExit(0, world, ['services', 'down', '--category', 'applications'])
  assert.match(text, /asker needs api and keeps running/)
  const now = await health(world)
  assert.match(now.api ?? '', /^stopped/)
  assert.is(now.postgres, 'running healthy')
  await expectExit(0, world, ['services', 'up', '--category', 'applications'])
  assert.is((await health(world)).api, 'running healthy')
  const environment = await expectExit(2, world, ['services', 'down', 'dev'])
  assert.match(
    environment,
    /dev has no service dev\n +why: it has .*\n +next:\n +leave dev out; -e names an environment: -e dev/,
  )
  const unknown = await expectExit(2, world, ['services', 'up', 'postgras'])
  assert.match(unknown, /postgres/)
})

test('logs --json has the last lines as data', async () => {
  const both = await world.json<{ result: { lines: { service: string; text: string; at?: string }[] } }>([
    ...['services', 'logs', 'api', 'asker', '-n', '2'],
  ])
  const of = (name: string) => both.result.lines.filter(({ service }) => service === name)
  assert.equal([of('api').length, of('asker').length, both.result.lines.length], [2, 2, 4])
  assert.is(of('asker')[0]?.text, 'asker says hello')
})

test('logs -f of two services has aligned names and ends on an interrupt with 130', async () => {
  const following = world.start(['services', 'logs', '-f', 'api', 'asker'])
  await until(() => /^asker │ asker says hello/m.test(following.stdout()), { what: "the asker's lines" })
  await until(() => /^api {3}│ .*listening/m.test(following.stdout()), { what: "the API's lines" })
  const seen = following.stdout().split('\n').length
  await until(() => following.stdout().split('\n').length > seen + 2, { what: 'new lines' })
  following.child.kill('SIGINT')
  const ended = await following.ended
  assert.is(ended.status, 130, shown(ended))
  const other = ended.stdout.split('\n').filter((line) => line !== '' && !/^(api {2}|asker) │ /.test(line))
  assert.equal(other, [])
})

test('a main process that leaves a child: status knows, down ends it', async () => {
  const parent = `import { spawn } from 'node:child_process'
spawn('sleep', ['4321'], { stdio: 'ignore' })
setTimeout(() => process.exit(0), 500)
`
  await world.write('services/parent/parent.js', parent)
  await world.write(
    'config/services/parent.yaml',
    `name: parent
category: utilities
local: { command: [node, parent.js], directory: services/parent, restart: never, grace: 1s }
health: { probes: [], interval: 50ms, passes: 1, deadline: 20s }
`,
  )
  await world.commit('good', 'parent')
  await expectExit(0, world, ['services', 'up', 'parent'])
  const left = await until(async () => ((await one('parent'))?.status === 'error' ? one('parent') : undefined), {
    what: 'status to know that the main process has ended',
  })
  assert.match(left.reason ?? '', /ended with status 0.*(process|live)/)
  const sleeping = async () =>
    (await processesWith(world.env.OPS_TEST_WORLD as string)).filter(({ command }) => command.includes('sleep 4321'))
  assert.is((await sleeping()).length, 1)
  await expectExit(0, world, ['services', 'down', 'parent'])
  assert.equal(await sleeping(), [])
})

test('a dependency that fails fast does not let its dependent start', async () => {
  await world.commit('crash', 'bad')
  await expectExit(0, world, ['services', 'down', 'asker', 'api'])
  const text = await expectExit(1, world, ['services', 'up', 'asker'])
  assert.match(text, /cannot find the frobnicator/)
  assert.not.match(text, /start:asker done/)
  assert.match((await health(world)).asker ?? 'stopped', /^stopped/)
})

test('down ends everything, also what is in a crash loop', async () => {
  await expectExit(0, world, ['services', 'down'])
  assert.equal(await processesWith(world.env.OPS_TEST_WORLD as string), [])
})

test.run()

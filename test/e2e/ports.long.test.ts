import { createServer, type Server } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, timeLimit } from '../support/index.ts'
import { expectExit, servicesOf, writeSecrets } from './deploys.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(200_000)

/** A release exists; then somebody else takes a port, and later the catalogue names another one. The tests go on from each other. */
let world: World
let squatter: Server
let asking: number

const asker = `
import { createServer } from 'node:http'
createServer((request, response) => response.end(process.env.API_URL)).listen(Number(process.env.PORT), '127.0.0.1')
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
  await expectExit(0, world, ['deploy', 'dev'])
  await expectExit(0, world, ['services', 'down'])
  squatter = createServer().listen(world.ports.api, '127.0.0.1')
  await new Promise((resolve) => squatter.once('listening', resolve))
})
test.after(async () => {
  squatter.close()
  await world.end()
})

const portOf = async (name: string) =>
  (await servicesOf(world)).find(({ service }) => service === name)?.ports.http as number
const answer = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()

let moved: number

test('up --resolve-ports moves a release, tells dependents, and is remembered', async () => {
  assert.match(await expectExit(3, world, ['services', 'up']), new RegExp(`port ${world.ports.api} .* is in use`))
  await expectExit(0, world, ['services', 'up', '--resolve-ports'])
  moved = await portOf('api')
  assert.is.not(moved, world.ports.api)
  assert.is(await answer(moved, '/version'), 'v1 1')
  assert.is(await answer(asking, '/'), `http://127.0.0.1:${moved}`)
  assert.match(await expectExit(0, world, ['services', 'up']), /nothing to do/)
  assert.match(await expectExit(0, world, ['services', 'status']), new RegExp(`api +running .*:${moved}`))
  await expectExit(0, world, ['health-check'])
})

test('a deploy and a rollback of another release stay on the port of the machine', async () => {
  await world.commit('good', 'v2')
  await expectExit(0, world, ['deploy', 'dev'])
  assert.is(await answer(moved, '/version'), 'v2 2')
  await expectExit(0, world, ['rollback', 'dev'])
  assert.is(await answer(moved, '/version'), 'v1 1')
  assert.is(await answer(asking, '/'), `http://127.0.0.1:${moved}`)
})

test('after a rollback over a changed port, status and health-check look at what runs', async () => {
  const changed = await freePort()
  await world.write('config/services/asker.yaml', askerYaml(changed))
  await world.commit('good', 'v3')
  await expectExit(0, world, ['deploy', 'dev'])
  assert.is(await portOf('asker'), changed)
  await expectExit(0, world, ['rollback', 'dev'])
  assert.is(await portOf('asker'), asking)
  const status = await expectExit(0, world, ['services', 'status'])
  assert.match(status, new RegExp(`asker +running .*:${asking}\\b`))
  assert.not.match(status, new RegExp(`:${changed}\\b`))
  assert.match(await expectExit(0, world, ['health-check']), /asker +http +passed/)
})

test.run()

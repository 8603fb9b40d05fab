/** `task services …` on a real Docker engine. */
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { busybox } from '../images/index.ts'
import { timeLimit } from '../support/index.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(900_000)

let world: DockerWorld
test.before(async () => {
  world = await makeDockerWorld()
})
test.after(() => world.end())

/** Runs a command that has to end with exactly this status; gives all that it said. */
async function expectExit(status: number, args: readonly string[], on = world): Promise<string> {
  const { status: is, stdout, stderr } = await on.task(args)
  assert.is(is, status, `task ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout + stderr
}

type State = {
  service: string
  status: string
  health: string
  reason?: string
  ports: Record<string, number>
  release?: number
}
const states = async (on = world): Promise<Record<string, State>> => {
  const { result } = await on.json<{ result: { services: State[] } }>(['services', 'status'])
  return Object.fromEntries(result.services.map((state) => [state.service, state]))
}

test('a foreign network of the same name is refused before anything is made', async () => {
  const network = `${world.name}-dev_backend`
  await world.engine.docker(['network', 'create', network])
  try {
    assert.match(await expectExit(3, ['services', 'up']), /a network .*_backend is on the engine already/)
    assert.equal(await world.containers(), [])
  } finally {
    await world.engine.docker(['network', 'rm', network])
  }
})

test('a port that a process of the host has is said with its owner, before anything is made', async () => {
  const squatter = createServer().listen(world.port, '0.0.0.0')
  await new Promise((resolve) => squatter.once('listening', resolve))
  try {
    const said = await expectExit(3, ['services', 'up'])
    assert.match(said, new RegExp(`port ${world.port} \\(http of web\\) is in use by .*\\(pid ${process.pid}`))
    assert.match(said, /; \d+ is free/)
    assert.equal(await world.containers(), [])
  } finally {
    await new Promise((resolve) => squatter.close(resolve))
  }
})

test('up starts across Compose projects in the order of the catalogue, and waits until each is ready', async () => {
  const said = await expectExit(0, ['services', 'up'])
  assert.ok(said.indexOf('gate:cache done') < said.indexOf('▶ start:job'), said)
  assert.ok(said.indexOf('gate:cache done') < said.indexOf('▶ start:web'), said)
  assert.equal(await world.get('/version'), { status: 200, body: 'v1 working-tree' })
  assert.equal(await world.get('/env'), { status: 200, body: 'hello' })
  assert.equal(await world.get('/token'), { status: 200, body: 'token-of-the-web-service' })
  const { name } = world
  assert.equal(await world.containers(), [
    `${name}-dev-cache-cache-1 running`,
    `${name}-dev-job-job-1 exited`,
    `${name}-dev-web-web-1 running`,
  ])
  const { cache, job, web } = await states()
  assert.equal([cache?.status, cache?.health], ['running', 'healthy'])
  assert.equal([job?.status, web?.status], ['stopped', 'running'])
  assert.equal(web?.ports, { http: world.port })
  assert.match(await expectExit(0, ['services', 'up']), /nothing to do/)
})

test('no secret is in a label, a command or what a person is shown', async () => {
  const all = await world.engine.docker(['inspect', `${world.name}-dev-web-web-1`])
  assert.not.match(all, /token-of-the-web-service/)
  assert.not.match(await expectExit(0, ['services', 'config', 'web']), /token-of-the-web-service/)
})

test('logs of several services, a command inside, and the health of all', async () => {
  const logs = await expectExit(0, ['services', 'logs', '-n', '5'])
  assert.match(logs, /web\s+│ listening/)
  assert.match(logs, /job\s+│ done/)
  const { stdout, status } = await world.task([
    'services',
    'exec',
    'web',
    '--',
    'sh',
    '-c',
    'echo "in $(hostname)"; exit 7',
  ])
  assert.is(status, 7)
  assert.match(stdout, /^in [0-9a-f]{12}$/m)
  assert.match(await expectExit(0, ['health-check', 'dev']), /web\s+http\s+passed/)
})

test('only what changed is replaced, with its cause', async () => {
  const before = await world.engine.docker(['inspect', '--format', '{{.Id}}', `${world.name}-dev-cache-cache-1`])
  await world.commit('good', 'v2')
  const said = await expectExit(0, ['services', 'up'])
  assert.match(said, /restart web.* — configuration changed: compose/)
  assert.not.match(said, /start:cache/)
  assert.is((await world.get('/version'))?.body, 'v2 working-tree')
  const after = await world.engine.docker(['inspect', '--format', '{{.Id}}', `${world.name}-dev-cache-cache-1`])
  assert.is(after, before)
  assert.not.ok((await world.containers()).some((line) => line.includes('before')))
})

test('what fails at its start is said at once, with its cause and the last lines', async () => {
  for (const [behaviour, cause] of [
    ['crash', /crash loop/],
    ['hungry', /want of memory|crash loop/],
  ] as const) {
    await world.commit(behaviour, behaviour)
    const said = await expectExit(1, ['services', 'up', 'web'])
    assert.match(said, cause)
    assert.match(said, behaviour === 'crash' ? /cannot find the frobnicator/ : /starting hungry/)
  }
  await world.commit('good', 'v3')
  await expectExit(0, ['services', 'up', 'web'])
  assert.is((await world.get('/version'))?.body, 'v3 working-tree')
  assert.equal((await world.containers()).filter((line) => line.includes('-web-')).length, 1)
})

test('a port that another container has: its owner, and --resolve-ports takes a free one', async () => {
  await expectExit(0, ['services', 'down'])
  assert.equal(await world.containers(), [])
  const squatter = `${world.name}-squatter`
  const image = await busybox(world.engine)
  const sleeping = ['run', '--detach', '--name', squatter, '--publish', `${world.port}:80`, image, 'sleep', '1000']
  await world.engine.docker(sleeping)
  try {
    assert.match(await expectExit(3, ['services', 'up']), new RegExp(`in use by the container ${squatter}`))
    assert.equal(await world.containers(), [])
    await expectExit(0, ['services', 'up', '--resolve-ports'])
    const port = (await states()).web?.ports.http
    assert.is.not(port, world.port)
    assert.is(await (await fetch(`http://127.0.0.1:${port}/version`)).text(), 'v3 working-tree')
    assert.match(await expectExit(0, ['services', 'up']), /nothing to do/)
  } finally {
    await world.engine.docker(['rm', '--force', squatter])
  }
})

test('another clone sees the same services, and stops them in reverse; volumes and other environments stay', async () => {
  const other = await makeDockerWorld({ name: `${world.name}x` })
  try {
    await expectExit(0, ['services', 'up', 'cache'], other)
    rmSync(join(world.folder, '.ops'), { recursive: true, force: true })
    const clone = await makeDockerWorld({ clone: world })
    const said = await expectExit(0, ['services', 'down'], clone)
    assert.ok(said.indexOf('stop:web done') < said.indexOf('▶ stop:cache'), said)
    assert.equal(await world.containers(), [])
    assert.equal(await other.containers(), [`${other.name}-dev-cache-cache-1 running`])
    assert.match(
      await world.engine.docker(['volume', 'ls', '--format', '{{.Name}}']),
      new RegExp(`^${world.name}-dev-cache_data$`, 'm'),
    )
  } finally {
    await other.end()
  }
})

test.run()

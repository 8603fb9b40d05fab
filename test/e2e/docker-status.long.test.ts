/** `task services status` on Docker, answered from what the last one has noted: what it says is what the command itself says. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, note, timeLimit, until } from '../support/index.ts'
import { type DockerWorld, makeDockerWorld } from './docker-world.ts'

timeLimit(900_000)

let world: DockerWorld
test.before(async () => {
  world = await makeDockerWorld({ health: 'interval: 200ms\n  passes: 1\n  deadline: 90s' })
  await world.write(
    '.ops/hook.cjs',
    `process.on('exit', () => require('node:fs').writeFileSync(process.env.LOADED, Object.keys(require.cache).join('\\n')))`,
  )
  const up = await world.task(['services', 'up'])
  assert.is(up.status, 0, up.stderr)
})
test.after(() => world.end())

/** A status, and whether the command itself was loaded for it. */
async function asked(...words: string[]): Promise<Ended & { noted: boolean }> {
  const loaded = join(world.folder, '.ops/loaded')
  const env = { LOADED: loaded, NODE_OPTIONS: `--require=${join(world.folder, '.ops/hook.cjs')}` }
  const done = await world.task(['services', 'status', ...words], { env })
  assert.is(done.status, 0, done.stderr)
  return { ...done, noted: !/operations\.cjs|pack\.cjs/.test(await readFile(loaded, 'utf8')) }
}

/** Asks until the note is used: what is younger than two seconds is not trusted. */
const settled = () =>
  until(async () => (await asked()).noted, { what: 'the note to be used', deadline: 120_000, every: 400 })

/** Without what another moment makes differ. */
const timeless = (text: string) =>
  text
    .replace(/"last_updated":"[^"]+"/g, '"last_updated":""')
    .replace(/"uptimeMs":\d+/g, '"uptimeMs":0')
    .replace(/\b(?:\d+(?:ms|[dhm]|(?:\.\d)?s) ?)+/g, 'T ')
    .replace(/ +/g, ' ')

let compared = 0
/** The noted answer and the command's own, as text and as JSON. */
async function same(what: string, expected: RegExp): Promise<void> {
  for (const words of [[], ['--json']]) {
    const quick = await asked(...words)
    // With the flag in its long form it is for the command itself.
    const own = await asked('--environment', 'dev', ...words)
    assert.equal([quick.noted, own.noted], [true, false], `${what}: ${quick.stderr}`)
    assert.is(timeless(quick.stdout), timeless(own.stdout), what)
    assert.is(quick.stderr, own.stderr, what)
    if (words.length === 0) assert.match(timeless(quick.stdout), expected, what)
    compared += 1
  }
}

const docker = (...args: string[]) => world.engine.docker(args)
const container = (service: string) => `${world.name}-dev-${service}-${service}-1`
const state = async (service: string, format: string) => docker('inspect', '--format', format, container(service))

test('says what the command itself says, whatever has become of the containers since', async () => {
  await settled()
  await same('running', /^web running healthy \S+ T 0$|^web running \S+ \S+ T 0$/m)
  await docker('restart', '--time', '1', container('web'))
  await same('started again by hand', /^web running/m)
  await docker('exec', container('cache'), 'sh', '-c', 'kill -9 1; kill 1; pkill httpd; rm /data/starts').catch(
    () => {},
  )
  await until(async () => (await state('cache', '{{.State.Health.Status}}')) === 'unhealthy', {
    what: 'the cache to be unhealthy',
    deadline: 120_000,
    every: 300,
  })
  await same('unhealthy', /^cache running unhealthy/m)
  await docker('exec', container('web'), 'sh', '-c', 'kill -15 1')
  await until(async () => (await state('web', '{{.State.Status}} {{.RestartCount}}')) === 'running 1', {
    what: 'the web service to be started again',
    deadline: 60_000,
    every: 200,
  })
  await same('started again by the engine', /^web running .* T 1$/m)
  await docker('pause', container('web'))
  await same('paused', /^web pending .*the engine says paused/m)
  await docker('unpause', container('web'))
  await docker('stop', '--time', '1', container('web'))
  await same('stopped', /^web stopped/m)
  await docker('rename', container('web'), `${container('web')}.before-x`)
  await same('kept', /^web stopped/m)
  await docker('rm', '--force', container('web'))
  await same('not created', /^web stopped/m)
  await same('a one-shot at its end', /^job stopped/m)
  note(`${compared} answers compared`)
})

test('leaves it to the command to tell what another clone has left', async () => {
  assert.is((await world.task(['services', 'up'])).status, 0)
  await settled()
  const clone = await makeDockerWorld({ clone: world, health: 'interval: 200ms\n  passes: 1\n  deadline: 90s' })
  await clone.commit('unready', 'v2')
  const deploy = clone.start(['deploy', 'dev'])
  await until(async () => (await world.containers()).length > 3, {
    what: 'the deploy to be at work',
    deadline: 120_000,
    every: 200,
  })
  const held = await asked()
  assert.not(held.noted)
  deploy.child.kill('SIGKILL')
  await deploy.ended
  const left = await asked()
  assert.not(left.noted)
  assert.match(left.stderr, /release 1 .* was not finished/)
  // As after somebody whose work was about other services has taken the lock over.
  const locks = await docker(
    'ps',
    '--all',
    '--quiet',
    '--filter',
    `label=vital-ops.workspace=${world.id}`,
    '--filter',
    'label=vital-ops.role=lock',
  )
  if (locks !== '') await docker('rm', '--force', ...locks.split('\n'))
  const later = await asked()
  assert.not(later.noted)
  assert.match(later.stderr, /release 1 .* was not finished/)
  assert.is((await world.task(['abort', 'dev', '--yes'])).status, 0)
  await settled()
})

test('counts no more after a change of the configuration, a Compose file, the values or what is mounted', async () => {
  const compose = 'infrastructure/docker/applications/web'
  for (const path of ['config/services/web.yaml', `${compose}/compose.yaml`, `${compose}/behaviour.json`, '.env.dev']) {
    const text = await readFile(join(world.folder, path), 'utf8')
    await settled()
    await world.write(path, `${text}\n`)
    assert.not((await asked()).noted, path)
  }
  await settled()
  const path = join(world.folder, '.ops/cache/services-status.json')
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, -20))
  assert.not((await asked()).noted)
  await settled()
  assert.not((await asked('web')).noted)
})

test.run()

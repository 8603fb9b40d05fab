/** Deaths that no journal entry names: at random moments, of children, services and the supervisor; signals; a lost run folder. */
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, type Running, timeLimit, until } from '../support/index.ts'
import { assertSound, die, done, newestJournal, opOf, plannedOps, seeded, shown } from './rounds.ts'
import { type Behaviour, makeWorld, textOf, type World } from './world.ts'

timeLimit(10 * 60_000)

const seed = 20261120
const deploy = ['deploy', 'dev']
/** Held open by a file beside the workspace; so a test is in the middle of a step for as long as it wants to be. */
const holds = ['build', 'ready', 'warm'] as const
type Hold = (typeof holds)[number]

let world: World
let version = 1

const holdPath = (name: Hold) => join(world.folder, '..', `hold-${name}`)
const hold = (name: Hold) => writeFile(holdPath(name), '')
const release = (name: Hold) => rm(holdPath(name), { force: true })
const pidOf = async (name: Hold) => Number(await readFile(`${holdPath(name)}.pid`, 'utf8').catch(() => '0'))

/** Code of a step that writes its pid and waits while the file is there. */
const waiting = (name: Hold) => `
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
const hold = ${JSON.stringify(holdPath(name))}
if (existsSync(hold)) writeFileSync(hold + '.pid', String(process.pid))
while (existsSync(hold)) await pause(20)
`

const taskfile = `
import { appendFileSync } from 'node:fs'
import { number, task, text } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()

export const warm = task({
  description: 'Leaves a line for each call',
  args: { environment: text(), release: number() },
  run: async ({ $, args, workspaceFolder }) => {
    await $\`node \${workspaceFolder}/hold-warm.js\`
    appendFileSync(workspaceFolder + '/.ops/warmed', args.environment + ' ' + args.release + '\\n')
  },
})
export const once = task({
  description: 'Leaves a line for each call; may not run twice',
  args: { environment: text(), release: number() },
  run: ({ args, workspaceFolder }) => {
    appendFileSync(workspaceFolder + '/.ops/once', args.environment + ' ' + args.release + '\\n')
  },
})
`

async function commit(behaviour: Behaviour = 'good'): Promise<void> {
  version += 1
  const name = String(version).padStart(3, '0')
  const sql = `-- migrate:up\ncreate table round_${name} (n int);\nselect pg_sleep(0.2);\n-- migrate:down\ndrop table round_${name};\n`
  await world.write(`database/migrations/${name}_round.sql`, sql)
  await world.commit(behaviour, `v${version}`)
}

const sound = (about: string) => assertSound(world, { version: `v${version}`, released: true }, about)

/** Deploys, which must succeed; and everything must be in order then. */
async function recovers(about: string): Promise<void> {
  for (const name of holds) await release(name)
  await done(world, deploy)
  await sound(about)
}

/** Waits until the newest run, which is not `before`, has begun an op. */
const begun = (op: string, before: string | undefined) =>
  until(
    async () => {
      const journal = await newestJournal(world)
      return journal?.folder !== before && journal?.entries.some((e) => e.type === 'op-started' && opOf(e) === op)
    },
    { what: `${op} to begin`, deadline: 60_000, every: 5 },
  )

/** Starts a deploy of a new version; resolves when it is in the middle of a step. */
async function deployUntil(op: string): Promise<Running> {
  const before = (await newestJournal(world))?.folder
  const running = world.start(deploy, { timeout: 120_000 })
  await Promise.race([begun(op, before), running.ended.then((ended) => assert.unreachable(`${op}: ${shown(ended)}`))])
  return running
}

const held = (name: Hold) =>
  until(() => pidOf(name), { what: `the step ${name} to be waiting`, deadline: 60_000 }) as Promise<number>

test.before(async () => {
  world = await makeWorld({
    hooks: '{ beforeMigrate: [{ task: once, repeatable: false }], afterHealthy: [{ task: warm }] }',
    keep: 1,
    notifications: true,
    taskfile,
    health: 'interval: 100ms\n  passes: 2\n  deadline: 10s',
  })
  const builder = await readFile(join(world.folder, 'services/api/build.js'), 'utf8')
  await world.write('services/api/build.js', waiting('build') + builder)
  await world.write('hold-warm.js', waiting('warm'))
  const server = await readFile(join(world.folder, 'services/api/server.js'), 'utf8')
  const ready = `existsSync(${JSON.stringify(holdPath('ready'))})`
  await world.write(
    'services/api/server.js',
    server
      .replace('import { appendFileSync, readFileSync }', 'import { existsSync, readFileSync }')
      .replace("const bad = behaviour === 'unready'", `const bad = ${ready} || behaviour === 'unready'`),
  )
  await commit()
  await done(world, ['setup', 'dev'])
  for (let round = 0; round < 3; round += 1) {
    await done(world, deploy)
    await commit()
  }
  await done(world, deploy)
  await sound('at the beginning')
})

test.before.each(async () => {
  for (const name of holds) {
    await release(name)
    await rm(`${holdPath(name)}.pid`, { force: true })
  }
})

test.after(() => world.end())

test('killed at random moments inside each op, the next deploy recovers', async () => {
  const random = seeded(seed)
  await commit()
  const ops = await plannedOps(world, deploy)
  let rounds = 0
  let inside = 0
  for (let turn = 0; rounds < 20 || turn < 2; turn += 1) {
    for (const { id } of ops) {
      const delayMs = Math.floor(random() * (id.startsWith('gate') ? 200 : 60))
      const about = `killed ${delayMs} ms after ${id} began (seed ${seed})`
      const running = await deployUntil(id)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      running.child.kill('SIGKILL')
      const ended = await running.ended
      if (ended.signal === 'SIGKILL') inside += 1
      await recovers(about)
      await commit()
      rounds += 1
    }
  }
  await done(world, deploy)
  assert.ok(inside >= 15, `only ${inside} of ${rounds} rounds were killed before they had ended`)
})

test('the build command is killed: the deploy fails, nothing was changed, the next one works', async () => {
  await commit()
  await hold('build')
  const running = world.start(deploy)
  process.kill(await held('build'), 'SIGKILL')
  const ended = await running.ended
  assert.ok([1, 6].includes(ended.status ?? 0), shown(ended))
  assert.match((await world.get('/version'))?.body ?? '', new RegExp(`^v${version - 1} `))
  await recovers('the build command was killed')
})

test("a hook's command is killed: the deploy fails and goes back, the next one works", async () => {
  await commit()
  await hold('warm')
  const running = world.start(deploy)
  process.kill(await held('warm'), 'SIGKILL')
  await release('warm')
  const ended = await running.ended
  assert.is(ended.status, 6, shown(ended))
  assert.match((await world.get('/version'))?.body ?? '', new RegExp(`^v${version - 1} `))
  await recovers("a hook's command was killed")
})

test('the leader of a service is killed during its gate: a verdict, and the next one works', async () => {
  await commit()
  await hold('ready')
  const running = await deployUntil('gate:api')
  const { result } = await world.json<{ result: { services: { service: string; pid: number }[] } }>([
    'services',
    'status',
  ])
  process.kill(result.services.find(({ service }) => service === 'api')?.pid as number, 'SIGKILL')
  await release('ready')
  const ended = await running.ended
  assert.ok([0, 6].includes(ended.status ?? -1), shown(ended))
  await recovers('the leader was killed during its gate')
})

test('the supervisor is killed during each op: the next deploy recovers', async () => {
  await commit()
  for (const { id } of await plannedOps(world, deploy)) {
    const running = await deployUntil(id)
    const supervisor = (await processesWith(world.env.OPS_TEST_WORLD as string)).find(({ command }) =>
      command.includes('dist/supervisor.js'),
    )
    assert.ok(supervisor, `${id}: a supervisor runs`)
    process.kill((supervisor as { pid: number }).pid, 'SIGKILL')
    const ended = await running.ended
    assert.ok([0, 1, 6, 7].includes(ended.status ?? -1), `${id}: ${shown(ended)}`)
    await recovers(`the supervisor was killed during ${id}`)
    await commit()
  }
  await done(world, deploy)
})

test('killed, and its run folder deleted: another command recovers, and what may not run twice does not', async () => {
  for (const [point, command] of [
    ['hook:beforeMigrate:once:before', deploy],
    ['hook:beforeMigrate:once:effect', deploy],
    ['migrate:postgres:after', ['resume', 'dev']],
    ['start:api:effect', deploy],
    ['gate:api:before', ['abort', 'dev']],
    ['gate:api:effect', ['services', 'up']],
    ['hook:afterHealthy:warm:effect', ['rollback', 'dev']],
  ] as const) {
    await commit()
    const before = ((await textOf(world, '.ops/once')) ?? '').split('\n').length
    await die(world, deploy, point)
    const journal = await newestJournal(world)
    await rm(journal?.folder as string, { recursive: true })
    await done(world, command)
    if (command === deploy || command[0] === 'resume') {
      await sound(`${point}, then ${command.join(' ')}`)
      const times = ((await textOf(world, '.ops/once')) ?? '').split('\n').length - before
      assert.is(times, 1, `${point}: the hook ran ${times} times`)
    } else {
      assert.match((await world.get('/version'))?.body ?? '', new RegExp(`^v${version - 1} `), point)
      await recovers(`${point}, then ${command.join(' ')}, then deploy`)
    }
  }
})

test('a deploy that dies again and again still does not run twice what may not', async () => {
  await commit()
  const before = ((await textOf(world, '.ops/once')) ?? '').split('\n').length
  for (const point of ['migrate:postgres:before', 'build:api:before', 'release-opened:after', 'start:api:before']) {
    await die(world, deploy, point)
  }
  await done(world, ['resume', 'dev'])
  await sound('killed four times')
  assert.is(((await textOf(world, '.ops/once')) ?? '').split('\n').length - before, 1)
})

test('the way back of a failed deploy dies: what is typed next goes the rest of it', async () => {
  for (const [point, command] of [
    ['2/start:api:before', ['abort', 'dev']],
    ['2/start:api:effect', ['rollback', 'dev']],
    ['2/gate:api:before', ['services', 'up']],
    ['2/gate:api:effect', ['abort', 'dev']],
  ] as const) {
    const served = (await world.get('/version'))?.body
    await commit('crash')
    await die(world, deploy, point)
    const told = await world.task(['releases', 'dev'])
    assert.match(told.stderr, /task abort dev/, point)
    await done(world, command)
    assert.is((await world.get('/version'))?.body, served, `${point}, then ${command.join(' ')}`)
    assert.not.match((await world.task(['releases', 'dev'])).stderr, /task abort dev/, point)
    await commit()
    await recovers(`${point}, then ${command.join(' ')}, then deploy`)
  }
})

test('a rollback that fails says so with the next commands, and leaves nothing pending', async () => {
  await commit()
  await done(world, deploy)
  await hold('ready')
  const failed = await world.task(['rollback', 'dev'], { timeout: 120_000 })
  assert.is(failed.status, 7, shown(failed))
  assert.match(failed.stderr, /task (rollback|releases|health-check) dev/)
  await recovers('the rollback had failed')
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} in the middle of a build: status ${status}, children gone, lock free; resume finishes it`, async () => {
    await commit()
    await hold('build')
    const running = world.start(deploy)
    const builder = await held('build')
    process.kill(running.pid, signal)
    const ended = await running.ended
    assert.is(ended.status, status, shown(ended))
    assert.match(ended.stderr, /task resume dev/)
    assert.not.ok(existsSync(`/proc/${builder}`), 'the build command has ended')
    await release('build')
    await done(world, signal === 'SIGTERM' ? deploy : ['resume', 'dev'])
    await sound(`after ${signal}`)
  })
}

test.run()

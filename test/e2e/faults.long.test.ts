/** `kill -9` of the command at every point of setup, deploy, rollback and down: the next command recovers, whichever it is. */
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { opKinds } from '../../lib/model/ops/index.ts'
import { note, processesWith, timeLimit, until } from '../support/index.ts'
import {
  assertSound,
  die,
  done,
  hasLeftWork,
  newestJournal,
  type PlannedOp,
  plannedOps,
  pointsOf,
  shown,
} from './rounds.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(30 * 60_000)

const kinds = new Set<string>()
/** A round that fails does not keep the next ones from being tried. */
const failures: string[] = []
const counts = new Map<string, { covered: number; points: number }>()
const readers = [
  ['services', 'status'],
  ['releases', 'dev'],
  ['health-check', 'dev'],
]

/** A family of rounds: the command that is killed, and all that a round needs. */
type Scenario = {
  name: string
  command: string[]
  /** Brings the world to where each round begins. */
  prepare(): Promise<void>
  /** The commands that recover, by turns. */
  recoveries: string[][][]
  /** What recovers a run that had ended in order, where the same command would do more by then. */
  onceEnded?: string[][]
  /** Given the last command that recovered. */
  check(about: string, last: string): Promise<void>
}

async function killEverywhere(world: World, scenario: Scenario): Promise<void> {
  const { name, command, prepare, recoveries, check } = scenario
  await prepare()
  const ops: PlannedOp[] = await plannedOps(world, command)
  for (const { kind } of ops) kinds.add(kind)
  await done(world, command)
  const points = pointsOf(ops, (await newestJournal(world))?.entries ?? [])
  const count = { covered: 0, points: points.length }
  counts.set(name, count)
  for (const [index, point] of points.entries()) {
    const byTurns = recoveries[index % recoveries.length] as string[][]
    const recovery = point === 'run-ended:after' ? (scenario.onceEnded ?? byTurns) : byTurns
    const about = `${name} killed at ${point}, then ${recovery.map((words) => words.join(' ')).join(', ')}`
    try {
      await prepare()
      await die(world, command, point)
      await sayUnfinished(world, index, about)
      for (const words of recovery) await recover(world, words, about)
      await check(about, (recovery.at(-1) as string[]).join(' '))
      count.covered += 1
    } catch (error) {
      failures.push(`${about}: ${(error as Error).message}`)
    }
  }
}

/** Commands that only read tell that a run is unfinished when, and only when, it is. */
async function sayUnfinished(world: World, turn: number, about: string): Promise<void> {
  const ended = await world.task(readers[turn % readers.length] as string[])
  const told = /unfinished|not finished|without a word|left work/.test(ended.stderr)
  assert.is(told, await hasLeftWork(world), `${about}: what it says of unfinished work: ${shown(ended)}`)
}

/** `resume` and `abort` may find nothing unfinished, and before its `.env` is there only `setup` can begin; else all must succeed. */
async function recover(world: World, words: string[], about: string): Promise<void> {
  const ended = await world.task(words, { timeout: 120_000 })
  const nothing = ['resume', 'abort'].includes(words[0] as string) && /has no unfinished/.test(ended.stderr)
  const tooEarly = words[0] !== 'setup' && /has no value[\s\S]*next:\n\s+task setup dev/.test(ended.stderr)
  assert.is(ended.status, nothing || tooEarly ? 3 : 0, `${about}: task ${words.join(' ')}: ${shown(ended)}`)
}

async function setupRounds(): Promise<void> {
  const world = await makeWorld()
  const marker = world.env.OPS_TEST_WORLD as string
  try {
    await done(world, ['setup', 'dev'])
    await killEverywhere(world, {
      name: 'setup',
      command: ['setup', 'dev'],
      async prepare() {
        for (const { pid } of await processesWith(marker)) killQuietly(pid)
        await until(async () => (await freePorts(world)) && (await processesWith(marker)).length === 0, {
          what: 'the processes of the round before to be gone',
        })
        for (const path of ['.ops', '.env.dev', 'services/api/dist', '../data']) {
          await rm(join(world.folder, path), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
        }
      },
      recoveries: [
        [['setup', 'dev']],
        [
          ['services', 'up'],
          ['setup', 'dev'],
        ],
        [['setup', 'dev']],
        [
          ['deploy', 'dev'],
          ['setup', 'dev'],
        ],
      ],
      async check(about) {
        await assertSound(world, { version: 'v1', released: false }, about)
        assert.match((await textOf(world, '.env.dev')) ?? '', /^POSTGRES_PASSWORD=\S{24}/m, about)
      },
    })
  } finally {
    await world.end()
  }
}

/** Whether nobody listens on a world's ports. PostgreSQL's children outlive it by a moment. */
async function freePorts({ ports }: World): Promise<boolean> {
  const free = await Promise.all(Object.values(ports).map(isFree))
  return free.every(Boolean)
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

async function releaseRounds(): Promise<void> {
  const world = await makeWorld({
    hooks: '{ afterHealthy: [{ task: warm }], afterRollback: [{ task: warm }] }',
    keep: 1,
    notifications: true,
  })
  let version = 1
  /** Each commit also brings a migration that fails when it is applied twice. */
  const commit = async () => {
    version += 1
    const name = String(version).padStart(3, '0')
    const sql = `-- migrate:up\ncreate table round_${name} (n int);\n-- migrate:down\ndrop table round_${name};\n`
    await world.write(`database/migrations/${name}_round.sql`, sql)
    await world.commit('good', `v${version}`)
  }
  try {
    await done(world, ['setup', 'dev'])
    for (let round = 0; round < 3; round += 1) {
      await done(world, ['deploy', 'dev'])
      await commit()
    }
    await done(world, ['deploy', 'dev'])
    const sound = (about: string) => assertSound(world, { version: `v${version}`, released: true }, about)
    const deploy = ['deploy', 'dev']
    await killEverywhere(world, {
      name: 'deploy',
      command: deploy,
      prepare: commit,
      recoveries: [
        [deploy],
        [['resume', 'dev'], deploy],
        [deploy],
        [['abort', 'dev'], deploy],
        [deploy],
        [['services', 'up'], deploy],
        [deploy],
        [['rollback', 'dev'], deploy],
      ],
      check: sound,
    })
    let before = ''
    await killEverywhere(world, {
      name: 'rollback',
      command: ['rollback', 'dev'],
      async prepare() {
        before = ((await world.get('/version'))?.body ?? '').split(' ')[0] as string
        await commit()
        await done(world, deploy)
      },
      recoveries: [[['rollback', 'dev']], [['services', 'up']], [['rollback', 'dev']], [deploy]],
      onceEnded: [['services', 'up']],
      async check(about, last) {
        const wanted = { 'rollback dev': before, 'deploy dev': `v${version}` }[last]
        await assertSound(world, { ...(wanted ? { version: wanted } : {}), released: true }, about)
      },
    })
    await killEverywhere(world, {
      name: 'services down',
      command: ['services', 'down'],
      async prepare() {
        await done(world, ['services', 'up'])
      },
      recoveries: [
        [
          ['services', 'down'],
          ['services', 'up'],
        ],
        [['services', 'up']],
      ],
      check: (about) => assertSound(world, { released: true }, about),
    })
    const warmed = (await readFile(join(world.folder, '.ops/warmed'), 'utf8')).trim().split('\n')
    assert.ok(
      warmed.every((line) => /^dev \d+$/.test(line)),
      'each call of the hook leaves a whole line',
    )
  } finally {
    await world.end()
  }
}

/** Of commands that do not set up, release or stop anything: those of the database and its backups. */
const ofOtherCommands = new Set([
  // Of an engine with containers.
  'ensure-network',
  'pull-image',
  'push-image',
  'drop-replaced',
  'bring-back',
  'remove-leftover',
  // Of a cluster.
  'apply-object',
  'remove-object',
  'shift-replicas',
  'switch-traffic',
  'drop-colour',
  'apply-routes',
  'apply-pull-secret',
  // Of proxies.
  'set-maintenance',
  'run-query',
  'revert-migrations',
  'edit-ledger',
  'reset-database',
  'maintain-table',
  'prune-rows',
  'import-data',
  'sync-data',
  'take-backup',
  'prune-backups',
  'receive-wal',
  'end-wal',
  'prune-wal',
  'drill-backup',
  'restore-database',
  'switch-database',
  'restore-redis',
  'restore-files',
  'switch-files',
])

test('killed at any point of the plans of setup, deploy, rollback and services, the next command recovers', async () => {
  await setupRounds()
  await releaseRounds()
  const all = [...counts.values()]
  const sum = (pick: (count: { covered: number; points: number }) => number) =>
    all.reduce((total, count) => total + pick(count), 0)
  const parts = [...counts].map(([name, { covered }]) => `${name} ${covered}`).join(', ')
  const line = `covered ${sum((c) => c.covered)} of ${sum((c) => c.points)} points (${parts})`
  note(line)
  if (failures.length > 0) throw new Error(`${line}\n${failures.join('\n')}`)
  assert.is(
    sum((c) => c.covered),
    sum((c) => c.points),
    line,
  )
  assert.equal(
    Object.keys(opKinds).filter((kind) => !kinds.has(kind) && !ofOtherCommands.has(kind)),
    [],
    'kinds of ops that no point covered',
  )
})

test.run()

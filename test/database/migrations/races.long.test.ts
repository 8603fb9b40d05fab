import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit } from '../../support/index.ts'
import { MigrationFolder } from '../support/migrator.ts'
import { Migrator, migratorProgram } from '../support/migrators.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** `TEST_RACE_ROUNDS=100` runs them all; without it as many as fit into the time, and the count is printed. */
const rounds = Number(process.env.TEST_RACE_ROUNDS ?? 100)
const budgetMs = process.env.TEST_RACE_ROUNDS === undefined ? 300_000 : Number.POSITIVE_INFINITY
const migrators = 20
let server: TestServer
/** A migrator as a program of its own, which starts faster than this file with all that it imports. */
let program: string
/** The racers, each a process: who was killed is replaced, who was not takes part in the next round, too. */
let racers: Migrator[] = []
let killed = 0
/** How long the migrators of a round took, in milliseconds. */
let lastMs = 4000

/** A generator with a seed, so that a round that fails can be run again (Park and Miller). */
const randomFrom = (seed: number) => () => {
  seed = (seed * 48_271) % 2_147_483_647
  return seed / 2_147_483_647
}

const files = {
  '1_a.sql': 'create table a (b int);',
  '2_b.sql': 'insert into a values (1); select pg_sleep(0.05);',
  '3_c.sql': 'insert into a values (2);\ncreate index concurrently a_idx on a (b);\ninsert into a values (3);',
  '4_d.sql': 'create unique index concurrently if not exists a_unique_idx on a (b);',
  '5_e.sql': 'drop index concurrently a_idx;\nvacuum a;\ninsert into a values (4);',
  '6_f.sql': 'alter table a add column c int;',
}

async function race(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const folder = await MigrationFolder.make(server)
  folder.write(files)
  racers = Array.from({ length: migrators }, (_, at) => (racers[at]?.lives ? racers[at] : new Migrator(program)))
  const started = performance.now()
  const parts = Promise.all(racers.map((racer) => racer.race(folder.target)))
  const doomed = racers.filter(() => random() < 0.5)
  // Moments spread over the time that a round takes, as the last one did; nothing depends on where exactly they fall.
  const timers = doomed.map((racer) =>
    setTimeout(() => {
      if (racer.races && racer.child.kill('SIGKILL')) killed++
    }, random() * lastMs),
  )
  const ended = await parts
  lastMs = performance.now() - started
  for (const timer of timers) clearTimeout(timer)
  for (const { ok, killed: byUs, said } of ended) assert.ok(ok || byUs, `seed ${seed}: ${said}`)
  const last = await folder.up()
  assert.ok(last.ok, `seed ${seed}: ${JSON.stringify(last)}`)
  assert.equal(await folder.applied(), ['1', '2', '3', '4', '5', '6'], `seed ${seed}`)
  assert.equal(
    await folder.query('select b from a order by b'),
    [1, 2, 3, 4].map((b) => ({ b })),
    `seed ${seed}: each migration once`,
  )
  const invalid = await folder.query('select 1 from pg_index where not indisvalid')
  assert.equal(invalid, [], `seed ${seed}: no invalid index`)
}

timeLimit(budgetMs === Number.POSITIVE_INFINITY ? rounds * 60_000 : 12 * 60_000)
test.before(async () => {
  server = await startServer()
  program = await migratorProgram()
})
test.after(() => {
  for (const { child } of racers) child.kill('SIGKILL')
  return server?.dispose()
})
test(`${migrators} migrators at once, half of them killed at random moments: each migration once, no invalid index`, async () => {
  const base = Math.floor(Math.random() * 1_000_000) + 1
  const started = performance.now()
  let round = 0
  for (; round < rounds && (round < 3 || performance.now() - started < budgetMs); round++) await race(base + round)
  note(`${round} rounds of ${migrators}, ${killed} killed`)
})
test.run()

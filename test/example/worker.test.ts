import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../support/index.ts'
import { migrateAll } from './support/migrations.ts'
import { TestPostgres } from './support/postgres.ts'
import { Builds, Service } from './support/service.ts'

type Health = { status: string; rollup: string; lastSuccess: { hits: number } | null; failures: number }

let postgres: TestPostgres
let builds: Builds
const running: Service[] = []
const start = async (environment: Record<string, string> = {}) => {
  const settings = { DATABASE_URL: postgres.url, ROLLUP_INTERVAL: '20ms', ...environment }
  const worker = await Service.start(builds.main('worker'), settings)
  running.push(worker)
  return worker
}
const insertHits = (count: number) =>
  postgres.query(
    `INSERT INTO hits (endpoint, counted_at, user_agent_class)
     SELECT '/' || n % 7, now() - n % 3 * interval '1 day', CASE WHEN n % 10 = 0 THEN 'bot' END
     FROM generate_series(1, $1::integer) AS n`,
    [count],
  )
const left = async () => Number((await postgres.query<{ n: string }>('SELECT count(*) AS n FROM hits'))[0]?.n)
const counted = async () => {
  const statement = 'SELECT sum(hits)::integer AS hits, sum(bot_hits)::integer AS bots, count(*)::integer AS rows'
  return (await postgres.query(`${statement} FROM daily_endpoint_counts`))[0]
}

test.before(async () => {
  postgres = await TestPostgres.start()
  builds = new Builds('worker')
  await migrateAll(postgres)
})
test.before.each(async () => {
  await postgres.query('TRUNCATE hits, daily_endpoint_counts')
})
test.after.each(async () => {
  await Promise.all(running.splice(0).map((worker) => worker.kill()))
})
test.after(async () => {
  await postgres?.close()
  builds?.remove()
})

test('hits become counts per endpoint and day, once', async () => {
  await insertHits(2100)
  const worker = await start()
  await until(async () => (await left()) === 0, { what: 'all are rolled up', deadline: 30_000 })
  assert.equal(await counted(), { hits: 2100, bots: 210, rows: 21 })
  await until(
    async () => {
      const { body } = await worker.get<Health>('/healthz')
      return body.lastSuccess?.hits === 0
    },
    { what: 'it rolled up again, with nothing to do' },
  )
  assert.equal(await counted(), { hits: 2100, bots: 210, rows: 21 })
  await insertHits(70)
  await until(async () => (await left()) === 0, { what: 'the new ones are added', deadline: 30_000 })
  assert.equal(await counted(), { hits: 2170, bots: 217, rows: 21 })
  assert.is((await worker.get('/readyz')).status, 200)
})

test('workers that race count each hit once', async () => {
  await insertHits(45_000)
  const workers = await Promise.all([start(), start(), start()])
  for (let round = 0; round < 5; round++) await insertHits(1000)
  await until(async () => (await left()) === 0, { what: 'all are rolled up', deadline: 30_000 })
  assert.equal(await counted(), { hits: 50_000, bots: 5000, rows: 21 })
  for (const worker of workers) assert.is(worker.line('the roll-up failed'), undefined)
})

test('a worker that is killed while it rolls up neither loses nor doubles hits', async () => {
  for (let round = 0; round < 5; round++) {
    await insertHits(20_000)
    const worker = await start()
    worker.signal('SIGKILL')
    assert.is(await worker.exit(), 'SIGKILL')
  }
  await start()
  await until(async () => (await left()) === 0, { what: 'all are rolled up', deadline: 30_000 })
  assert.equal(await counted(), { hits: 100_000, bots: 10_000, rows: 21 })
})

test('a database outage is said, survived and mended by itself', async () => {
  const worker = await start()
  await until(async () => (await worker.get('/readyz')).status === 200, { what: 'ready' })
  await postgres.stop()
  try {
    await until(async () => (await worker.get('/readyz')).status === 503, { what: 'not ready' })
    const { status, body } = await worker.get<Health>('/healthz')
    assert.equal([status, body.status, body.rollup], [200, 'ok', 'failing'])
    assert.ok(body.failures > 0)
  } finally {
    await postgres.start()
  }
  await until(async () => (await worker.get('/readyz')).status === 200, { what: 'ready again' })
})

test('on SIGTERM it finishes the roll-up under way and ends with 0', async () => {
  const worker = await start({ ROLLUP_INTERVAL: '1h' })
  await until(async () => (await worker.get('/readyz')).status === 200, { what: 'the first roll-up ended' })
  assert.is(await worker.stop(), 0)

  await insertHits(10)
  const holder = await postgres.connect()
  await holder.query('BEGIN; LOCK TABLE daily_endpoint_counts IN ACCESS EXCLUSIVE MODE')
  const held = await start()
  await until(
    async () => {
      const statement = `SELECT count(*) = 1 AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
      return (await postgres.query<{ waiting: boolean }>(statement))[0]?.waiting
    },
    { what: 'the roll-up waits' },
  )
  held.signal('SIGTERM')
  await until(() => held.line('shutting down'), { what: 'it was told' })
  assert.is(held.child.exitCode, null)
  await holder.query('COMMIT')
  await holder.end()
  assert.is(await held.exit(), 0)
  assert.equal(await counted(), { hits: 10, bots: 1, rows: 10 })
})

test('an interval that is none is refused', async () => {
  const worker = new Service(builds.main('worker'), { DATABASE_URL: postgres.url, ROLLUP_INTERVAL: 'often' })
  assert.is(await worker.exit(), 78)
  assert.match(worker.errors, "ROLLUP_INTERVAL is 'often', which is not a span of time")
})

test.run()

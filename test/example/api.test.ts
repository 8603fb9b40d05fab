import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, until } from '../support/index.ts'
import { migrate, migrateAll, migrations } from './support/migrations.ts'
import { TestPostgres } from './support/postgres.ts'
import { startRedis } from './support/redis.ts'
import { Builds, Service } from './support/service.ts'

type Stats = { days: number; counts: { day: string; endpoint: string; hits: number; bots: number }[] }
type Ready = { status: string; database: string; cache: string; reasons: string[] }

let postgres: TestPostgres
let builds: Builds
const running: Service[] = []
const start = async (environment: Record<string, string> = {}) => {
  const api = await Service.start(builds.main('api'), { DATABASE_URL: postgres.url, ...environment })
  running.push(api)
  return api
}
const today = new Date().toISOString().slice(0, 10)

test.before(async () => {
  postgres = await TestPostgres.start()
  builds = new Builds('api')
  await migrateAll(postgres)
})
test.before.each(async () => {
  await postgres.query('TRUNCATE hits, daily_endpoint_counts')
})
test.after.each(async () => {
  await Promise.all(running.splice(0).map((api) => api.kill()))
})
test.after(async () => {
  await postgres?.close()
  builds?.remove()
})

test('hits are counted per endpoint and day, bots apart', async () => {
  const api = await start()
  const bot = { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1)' }
  assert.is((await api.post('/hits', { endpoint: '/a' })).status, 201)
  assert.is((await api.post('/hits', { endpoint: '/a' }, bot)).status, 201)
  assert.is((await api.post('/hits', { endpoint: '/b?c=ü' })).status, 201)
  await postgres.query(`INSERT INTO daily_endpoint_counts (endpoint, day, hits, bot_hits)
    VALUES ('/a', (now() AT TIME ZONE 'UTC')::date, 40, 4), ('/a', (now() AT TIME ZONE 'UTC')::date - 7, 500, 0)`)
  const { status, body } = await api.get<Stats>('/stats')
  assert.is(status, 200)
  assert.equal(body, {
    days: 7,
    counts: [
      { day: today, endpoint: '/a', hits: 42, bots: 5 },
      { day: today, endpoint: '/b?c=ü', hits: 1, bots: 0 },
    ],
  })
  const wider = await api.get<Stats>('/stats?days=8&endpoint=/a')
  assert.equal(
    wider.body.counts.map(({ endpoint, hits }) => [endpoint, hits]),
    [
      ['/a', 42],
      ['/a', 500],
    ],
  )
})

for (const [what, body, status] of [
  ['no JSON', '{"endpoint"', 400],
  ['no object', '7', 400],
  ['no endpoint', {}, 400],
  ['an endpoint that is no path', { endpoint: 'x' }, 400],
  ['an endpoint with a NUL', { endpoint: '/\0' }, 400],
  ['an endpoint that is too long', { endpoint: `/${'x'.repeat(200)}` }, 400],
  ['a body that is too long', `"${'x'.repeat(20_000)}"`, 413],
] as const) {
  test(`POST /hits with ${what} is refused`, async () => {
    const api = await start()
    assert.is((await api.post('/hits', body)).status, status)
    assert.equal(await postgres.query('SELECT * FROM hits'), [])
  })
}

for (const target of ['/stats?days=0', '/stats?days=91', '/stats?days=x', '/stats?endpoint=x', '/stats?endpiont=/x']) {
  test(`GET ${target} is refused`, async () => {
    assert.is((await (await start()).get(target)).status, 400)
  })
}

test('unknown paths are 404, other methods 405, odd request lines do no harm', async () => {
  const api = await start()
  assert.is((await api.get('/nothing')).status, 404)
  assert.is((await api.get('//')).status, 404)
  const wrong = await api.get('/hits')
  assert.is(wrong.status, 405)
  assert.is(wrong.headers.get('allow'), 'POST')
  assert.is((await fetch(`${api.url}/healthz`, { method: 'HEAD' })).status, 200)
})

test('it says what it runs and counts its requests', async () => {
  const api = await start({ RELEASE: '12', REVISION: 'abc123' })
  const { body } = await api.get('/version')
  assert.is(body.release, '12')
  assert.is(body.revision, 'abc123')
  const figures = await (await fetch(`${api.url}/metrics`)).text()
  assert.match(figures, '\nhttp_requests_total{route="/version",status="200"} 1\n')
})

test('without a cache it is degraded, and works', async () => {
  const api = await start()
  const { status, body } = await api.get<Ready>('/readyz')
  assert.is(status, 200)
  assert.equal([body.status, body.database, body.cache], ['degraded', 'ok', 'absent'])
  assert.match(body.reasons.join(), 'REDIS_URL is not set')
  assert.is((await api.get('/stats')).headers.get('x-cache'), 'absent')
})

test('a cache that does not answer degrades it only', async () => {
  const api = await start({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  const { status, body } = await api.get<Ready>('/readyz')
  assert.equal([status, body.status, body.cache], [200, 'degraded', 'unreachable'])
  assert.match(body.reasons.join(), 'ECONNREFUSED')
  const stats = await api.get<Stats>('/stats')
  assert.equal([stats.status, stats.headers.get('x-cache')], [200, 'unreachable'])
})

test('statistics come from the cache, and from the database while it is away', async () => {
  const redis = await startRedis({ password: 'a b:c' })
  let again: Awaited<ReturnType<typeof startRedis>> | undefined
  try {
    const api = await start({ REDIS_URL: `redis://:a%20b%3Ac@127.0.0.1:${redis.port}/3` })
    const ready = await api.get<Ready>('/readyz')
    assert.equal([ready.body.status, ready.body.cache, ready.body.reasons], ['ready', 'ok', []])
    await api.post('/hits', { endpoint: '/ü' })
    const source = async () => (await api.get('/stats')).headers.get('x-cache')
    assert.is(await source(), 'miss')
    await postgres.query('TRUNCATE hits')
    const { headers, body } = await api.get<Stats>('/stats')
    assert.is(headers.get('x-cache'), 'hit')
    assert.equal(body.counts, [{ day: today, endpoint: '/ü', hits: 1, bots: 0 }])

    await redis.stop()
    assert.is(await source(), 'unreachable')
    again = await startRedis({ port: redis.port, password: 'a b:c' })
    assert.is(
      await until(async () => ((await source()) === 'hit' ? 'hit' : undefined), { what: 'the cache is used again' }),
      'hit',
    )
    assert.is(api.lines.filter((line) => line.message === 'the cache is unreachable').length, 1)
  } finally {
    await redis.stop()
    await again?.stop()
  }
})

test('a wrong password for the cache is said', async () => {
  const redis = await startRedis({ password: 'right' })
  try {
    const api = await start({ REDIS_URL: `redis://:wrong@127.0.0.1:${redis.port}` })
    const { status, body } = await api.get<Ready>('/readyz')
    assert.equal([status, body.cache], [200, 'unreachable'])
    assert.match(body.reasons.join(), 'WRONGPASS')
  } finally {
    await redis.stop()
  }
})

test('a stopped database is 503 with the reason, and its return is noticed', async () => {
  const api = await start()
  assert.is((await api.get('/readyz')).status, 200)
  await postgres.stop()
  try {
    const { status, body } = await api.get<Ready>('/readyz')
    assert.equal([status, body.status, body.database], [503, 'unavailable', 'unreachable'])
    assert.match(body.reasons.join(), /database: .+/)
    assert.is((await api.post('/hits', { endpoint: '/x' })).status, 503)
    assert.is((await api.get('/stats')).status, 503)
    assert.is((await api.get('/healthz')).status, 200)
  } finally {
    await postgres.start()
  }
  await until(async () => (await api.get('/readyz')).status === 200, { what: 'ready again' })
  assert.is((await api.post('/hits', { endpoint: '/x' })).status, 201)
})

test('it starts before its database', async () => {
  await postgres.stop()
  const api = await start()
  assert.is((await api.get('/readyz')).status, 503)
  await postgres.start()
  await until(async () => (await api.get('/readyz')).status === 200, { what: 'ready' })
})

test('a database without the last migration is not ready', async () => {
  const api = await start()
  const last = migrations.at(-1) as string
  await migrate(postgres, last, 'down')
  try {
    const { status, body } = await api.get<Ready>('/readyz')
    assert.equal([status, body.database], [503, 'unmigrated'])
  } finally {
    await migrate(postgres, last, 'up')
  }
})

test('on SIGTERM it accepts no more, finishes the request under way, and ends with 0', async () => {
  const api = await start()
  await api.get('/healthz')
  const holder = await postgres.connect()
  await holder.query('BEGIN; LOCK TABLE hits IN ACCESS EXCLUSIVE MODE')
  const answer = api.post('/hits', { endpoint: '/slow' })
  await until(
    async () => {
      const [row] = await postgres.query<{ waiting: boolean }>(
        `SELECT count(*) = 1 AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
      )
      return row?.waiting
    },
    { what: 'the request waits' },
  )
  api.signal('SIGTERM')
  await until(() => isRefused(Number(new URL(api.url).port)), { what: 'new connections are refused' })
  assert.is(api.child.exitCode, null)
  await holder.query('COMMIT')
  await holder.end()
  assert.is((await answer).status, 201)
  assert.is(await api.exit(), 0)
  assert.is((await postgres.query('SELECT * FROM hits')).length, 1)
  assert.is(api.lines.at(-1)?.message, 'stopped')
})

test('a port that is taken is said', async () => {
  const first = await start()
  const { port } = new URL(first.url)
  const second = new Service(builds.main('api'), { DATABASE_URL: postgres.url, PORT: port })
  assert.is(await second.exit(), 1)
  assert.match(second.errors, `EADDRINUSE: address already in use 127.0.0.1:${port}`)
})

test('settings that do not fit are all said, without their values, and end it with 78', async () => {
  const password = 'hunter2hunter2'
  const environment = {
    PORT: 'http',
    REDIS_URL: `rediss://:${password}@h`,
    LOG_LEVEL: 'loud',
    DATABASE_URL_FILE: '/none',
  }
  const api = new Service(builds.main('api'), environment)
  assert.is(await api.exit(), 78)
  for (const name of ['PORT', 'REDIS_URL', 'LOG_LEVEL', 'DATABASE_URL_FILE']) assert.match(api.errors, `  ${name} `)
  assert.not.match(api.errors, password)
  const bare = new Service(builds.main('api'), {})
  assert.is(await bare.exit(), 78)
  assert.match(bare.errors, 'DATABASE_URL is missing: the address of PostgreSQL')
})

test.run()

/** Whether nobody listens on a port of the loopback. */
function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.on('error', () => resolve(true))
  })
}

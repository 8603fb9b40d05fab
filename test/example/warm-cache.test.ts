import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, task } from '../support/index.ts'
import { migrateAll } from './support/migrations.ts'
import { TestPostgres } from './support/postgres.ts'
import { startRedis, type TestRedis } from './support/redis.ts'
import { Builds, Service } from './support/service.ts'

let postgres: TestPostgres
let redis: TestRedis
let builds: Builds
let api: Service

test.before(async () => {
  postgres = await TestPostgres.start()
  redis = await startRedis()
  builds = new Builds('api')
  await migrateAll(postgres)
  const environment = { DATABASE_URL: postgres.url, REDIS_URL: `redis://127.0.0.1:${redis.port}`, RELEASE: '12' }
  api = await Service.start(builds.main('api'), environment)
})
test.after(async () => {
  await api?.kill()
  await redis?.stop()
  await postgres?.close()
  builds?.remove()
})

/** Runs the task as a deploy's hook would, against an address. */
const warmCache = (url: string, release: number) =>
  task(['warm-cache', 'dev', '--release', String(release), '--url', url], { cwd: 'example' })

test('it puts the statistics into the cache', async () => {
  const { status, stderr } = await warmCache(api.url, 12)
  assert.is(status, 0, stderr)
  assert.is((await api.get('/stats')).headers.get('x-cache'), 'hit')
})

test('it fails where another release answers, and says which', async () => {
  const { status, stderr } = await warmCache(api.url, 13)
  assert.is(status, 1)
  assert.match(stderr, `${api.url} runs release 12, not 13`)
})

test('it fails where nobody answers, and says why', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const { status, stderr } = await warmCache(url, 12)
  assert.is(status, 1)
  assert.match(stderr, `GET ${url}/version failed: connect ECONNREFUSED`)
})

test('it fails where the api fails, and says how', async () => {
  await postgres.stop()
  // An answer that is still in the cache would hide the outage.
  await redis.stop()
  const { status, stderr } = await warmCache(api.url, 12)
  assert.is(status, 1)
  assert.match(stderr, `GET ${api.url}/stats answered 503: {"error":"database-unavailable"`)
})

test('it says that there is no environment of that name', async () => {
  const { status, stderr } = await task(['warm-cache', 'nowhere'], { cwd: 'example' })
  assert.is(status, 3)
  assert.match(stderr, 'there is no environment `nowhere`')
})

test.run()

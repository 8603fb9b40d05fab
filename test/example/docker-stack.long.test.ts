import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { alertmanager, application, nginx, postgres, prometheus, redis } from '../images/index.ts'
import { type Engine, engine } from '../support/docker.ts'
import { freePort, note, repository, timeLimit, until } from '../support/index.ts'

/** The example's services in an order in which they can be started, and where their Compose files are. */
const services = {
  postgres: 'databases',
  redis: 'databases',
  api: 'applications',
  worker: 'applications',
  proxy: 'infrastructure',
  alertmanager: 'monitoring',
  prometheus: 'monitoring',
} as const
type Service = keyof typeof services

const stack = suite("the example's Compose files")
const name = `stack-${randomBytes(3).toString('hex')}`
const networks = { FRONTEND: `${name}-frontend`, BACKEND: `${name}-backend`, MONITORING: `${name}-monitoring` }
let docker: Engine
let env: Record<string, string>

stack.before(async () => {
  timeLimit(300_000)
  docker = await engine()
  const ports = { proxy: await freePort(), prometheus: await freePort(), alertmanager: await freePort() }
  env = {
    POSTGRES_PASSWORD: 'secret-of-tests',
    DATABASE_URL: 'postgres://endpoint_statistics:secret-of-tests@postgres:5432/endpoint_statistics',
    POSTGRES_IMAGE: await postgres(docker),
    REDIS_IMAGE: await redis(docker),
    API_IMAGE: await application(docker, 'api', { revision: 'abc1234' }),
    WORKER_IMAGE: await application(docker, 'worker', { revision: 'abc1234' }),
    PROXY_IMAGE: await nginx(docker),
    PROMETHEUS_IMAGE: await prometheus(docker),
    ALERTMANAGER_IMAGE: await alertmanager(docker),
    PROXY_PORT: String(ports.proxy),
    PROMETHEUS_PORT: String(ports.prometheus),
    ALERTMANAGER_PORT: String(ports.alertmanager),
    REVISION: 'abc1234',
    ...Object.fromEntries(Object.entries(networks).map(([key, network]) => [`${key}_NETWORK`, network])),
  }
  for (const network of Object.values(networks)) await docker.docker(['network', 'create', network])
})

stack.after(async () => {
  timeLimit(120_000)
  if (!docker || !env) return
  for (const service of Object.keys(services).reverse() as Service[]) {
    await compose(service, ['down', '--volumes', '--timeout', '5'])
  }
  for (const network of Object.values(networks)) await docker.docker(['network', 'rm', network])
})

const compose = (service: Service, args: readonly string[]) => {
  const file = join(repository, 'example', 'infrastructure', 'docker', services[service], service, 'compose.yaml')
  return docker.docker(['compose', '--project-name', `${name}-${service}`, '--file', file, ...args], {
    env,
    timeout: 240_000,
  })
}
const get = (path: string, port = env.PROXY_PORT) => fetch(`http://127.0.0.1:${port}${path}`)

for (const service of Object.keys(services) as Service[]) {
  stack(`docker compose config of ${service} is valid`, async () => {
    const { services: configured } = JSON.parse(await compose(service, ['config', '--format', 'json']))
    assert.equal(Object.keys(configured), [service])
    assert.is(configured[service].image, env[`${service.toUpperCase()}_IMAGE`])
    assert.not.match(JSON.stringify(configured), /secret-of-tests/)
  })
}

stack('all of it comes up, and the parts reach one another', async () => {
  timeLimit(300_000)
  for (const service of Object.keys(services) as Service[]) {
    // The tables are the migrations' work: until then the api answers, and says so.
    await compose(service, ['up', '--detach', '--wait', '--wait-timeout', '120']).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await compose(service, ['logs', '--no-color'])}`)
    })
  }
  assert.is((await get('/proxy-healthz')).status, 200)
  const ready = await get('/readyz')
  assert.is(ready.status, 503)
  const { database, cache, reasons } = (await ready.json()) as { database: string; cache: string; reasons: string[] }
  assert.equal({ database, cache }, { database: 'unmigrated', cache: 'ok' }, reasons.join('\n'))
  const { revision } = (await (await get('/version')).json()) as { revision: string }
  assert.is(revision, 'abc1234')
  assert.is((await get('/metrics')).status, 404, 'figures are not for everybody')
  assert.is((await get('/-/ready', env.ALERTMANAGER_PORT)).status, 200)
  type Targets = { data: { activeTargets: { labels: { job: string }; health: string }[] } }
  const jobs = await until(
    async () => {
      const { data } = (await (await get('/api/v1/targets', env.PROMETHEUS_PORT)).json()) as Targets
      const up = data.activeTargets.filter(({ health }) => health === 'up').map(({ labels }) => labels.job)
      return up.length >= 4 && up.sort()
    },
    { what: 'Prometheus to scrape both apis, the worker and itself', deadline: 120_000, every: 500 },
  )
  assert.equal(jobs, ['api', 'api', 'prometheus', 'worker'])
  note(`${Object.keys(services).length} services in ${Object.keys(networks).length} networks`)
})

stack.run()

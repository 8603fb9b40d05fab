import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Result } from '../../../lib/model/failure.ts'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { nginx as adapter } from '../../../lib/platform/docker/proxy/nginx.ts'
import type { ProxyPlace, ProxyTarget } from '../../../lib/platform/docker/proxy/port.ts'
import { nginx, node } from '../../images/index.ts'
import { type Engine, engine } from '../../support/docker.ts'
import { freePort, note, repository, temporaryFolder, timeLimit, until } from '../../support/index.ts'
import { startLoad } from '../../support/load.ts'

const proxy = suite('the proxy adapter nginx')
const name = `proxy-${randomBytes(3).toString('hex')}`
let docker: Engine
let place: ProxyPlace
let url: string
let image: string

/** Answers with its own name; `/slow` after two seconds. On SIGTERM it answers what is under way, and ends. */
const program = `
const { createServer } = require('node:http')
const server = createServer((asked, answer) => {
  setTimeout(() => answer.end(process.env.HOSTNAME), asked.url === '/slow' ? 2000 : 0)
}).listen(8080)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`

proxy.before(async () => {
  timeLimit(180_000)
  docker = await engine()
  image = await node(docker)
  await docker.docker(['network', 'create', name])
  const port = await freePort()
  const folder = temporaryFolder()
  const configuration = join(repository, 'example', 'infrastructure', 'docker', 'infrastructure', 'proxy', 'nginx.conf')
  const id = await docker.docker([
    ...['create', '--name', `${name}-proxy`, '--network', name, '--publish', `127.0.0.1:${port}:8080`],
    ...['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--volume', `${name}:/var/lib/maintenance`],
    ...['--mount', `type=bind,src=${configuration},dst=/etc/nginx/nginx.conf,readonly`],
    await nginx(docker),
  ])
  assert.ok(folder && readFileSync(configuration))
  await docker.docker(['start', id])
  url = `http://127.0.0.1:${port}`
  place = { engine: dockerEngine({ host: docker.host }), containers: [id] }
})

proxy.after(async () => {
  timeLimit(60_000)
  if (!docker) return
  const all = await docker.docker(['ps', '--all', '--quiet', '--filter', `network=${name}`])
  if (all) await docker.docker(['rm', '--force', '--volumes', ...all.split('\n')])
  await docker.docker(['network', 'rm', name])
  await docker.docker(['volume', 'rm', '--force', name])
})

/** Starts a container that has the service's name on the network, and waits until it answers. */
async function target(which: string): Promise<ProxyTarget> {
  const container = `${name}-${which}`
  await docker.docker([
    ...[
      'run',
      '--detach',
      '--init',
      '--name',
      container,
      '--hostname',
      which,
      '--network',
      name,
      '--network-alias',
      'api',
    ],
    ...[image, 'node', '-e', program],
  ])
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  const address = `${await docker.docker(['inspect', '--format', format, container])}:8080`
  await until(async () => (await fetch(`http://${address}`)).ok, { what: `${which} to answer`, deadline: 60_000 })
  return { name: container, address }
}

const done = async <T>(result: Promise<Result<T>>): Promise<T> => {
  const settled = await result
  if (!settled.ok) throw new Error(JSON.stringify(settled.failures))
  return settled.value
}
const body = async (path = '/') => (await fetch(url + path)).text()

proxy(
  'three changes of all containers under load fail no request, and no request goes to whom it must not',
  async () => {
    timeLimit(240_000)
    let current = [await target('one-a'), await target('one-b')]
    await until(async () => (await body()).startsWith('one-'), {
      what: 'the proxy to go by the name',
      deadline: 30_000,
    })
    assert.is(await done(adapter.targets(place, 'api')), undefined)
    const load = startLoad(`${url}/`, { perSecond: 250, see: (text) => text })
    for (const round of ['two', 'three', 'four']) {
      // Nobody else than these while the new ones start, though they have the name as well.
      await done(adapter.add(place, 'api', current))
      const next = [await target(`${round}-a`), await target(`${round}-b`)]
      assert.not.ok(load.seen.has(`${round}-a`), 'a container gets requests before it is added')
      const slow = body('/slow')
      await done(adapter.add(place, 'api', next))
      await until(() => load.seen.has(`${round}-a`) && load.seen.has(`${round}-b`), {
        what: 'the new ones to get requests',
      })
      const { drained } = await done(adapter.drain(place, 'api', current, 30_000))
      assert.ok(drained)
      assert.match(await slow, /^[a-z]+-[ab]$/, 'a request under way is answered')
      const count = () => current.reduce((sum, one) => sum + (load.seen.get(one.name.slice(name.length + 1)) ?? 0), 0)
      const before = count()
      const sent = load.sent()
      await until(() => load.sent() > sent + 100, { what: 'a hundred more requests' })
      assert.is(count(), before, 'who is drained gets none')
      for (const one of current) {
        await docker.docker(['stop', '--time', '20', one.name])
        await docker.docker(['rm', one.name])
      }
      await done(adapter.remove(place, 'api', [...current, ...next]))
      assert.is(await done(adapter.targets(place, 'api')), undefined)
      current = next
    }
    const { sent, held, perSecond, failures, slowestMs } = await load.stop()
    note(
      `${sent} requests at ${perSecond.toFixed(0)} per second, ${failures.length} failed, slowest ${slowestMs.toFixed(0)} ms`,
    )
    assert.equal(failures, [])
    assert.ok(held || perSecond >= 200, `only ${perSecond} requests per second`)
  },
)

proxy('the last container is not drained, and what nginx refuses is taken back', async () => {
  timeLimit(120_000)
  const one = await target('last')
  await done(adapter.add(place, 'api', [one]))
  const nothing = await adapter.drain(place, 'api', [one], 1000)
  assert.not.ok(nothing.ok)
  if (!nothing.ok) assert.is(nothing.failures[0].code, 'nothing-left')
  const wrong = await adapter.add(place, 'api', [{ name: 'wrong', address: 'not an address' }])
  assert.not.ok(wrong.ok)
  if (!wrong.ok) assert.is(wrong.failures[0].code, 'proxy-refused')
  assert.equal(await done(adapter.targets(place, 'api')), [one])
  await done(adapter.remove(place, 'api', [one]))
})

proxy('a proxy that is started again goes by the name, and stays in maintenance', async () => {
  timeLimit(120_000)
  const [container] = place.containers
  const one = await target('after')
  await done(adapter.add(place, 'api', [one]))
  await done(adapter.maintenance(place, true))
  const down = await fetch(url)
  assert.is(down.status, 503)
  assert.is(down.headers.get('retry-after'), '60')
  assert.is((await fetch(`${url}/proxy-healthz`)).status, 200, 'the proxy itself is well')
  await docker.docker(['restart', container])
  await until(async () => (await fetch(`${url}/proxy-healthz`)).ok, {
    what: 'the proxy to come back',
    deadline: 60_000,
  })
  assert.is(await done(adapter.inMaintenance(place)), true)
  assert.is(await done(adapter.targets(place, 'api')), undefined)
  await done(adapter.maintenance(place, false))
  assert.is(await done(adapter.inMaintenance(place)), false)
  await until(async () => (await fetch(url)).ok, { what: 'requests to be let through', deadline: 30_000 })
})

proxy.run()

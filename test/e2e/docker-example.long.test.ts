/** The example's staging environment on a real Docker engine: all of it, and deploys and a rollback under load. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit, until } from '../support/index.ts'
import { startLoad } from '../support/load.ts'
import { shown } from './deploys.ts'
import { type DockerExample, makeDockerExample } from './docker-example-world.ts'

timeLimit(1_800_000)
const staging = suite("the example's staging environment")
let example: DockerExample

staging.before(async () => {
  example = await makeDockerExample()
})
staging.after(() => example?.end())

/** Makes a commit of an api that says which edition it is. */
const edition = (name: string) => {
  const file = 'services/api/src/routes.ts'
  example.write(
    file,
    example.read(file).replace(/service: 'api',( edition: '\w+',)?/, `service: 'api', edition: '${name}',`),
  )
  return example.commit(name)
}
const get = async (path: string) => (await fetch(example.url + path)).json() as Promise<Record<string, unknown>>
const containersOf = async (service: string) => {
  const filter = `label=com.docker.compose.project=${example.name}-staging-${service}`
  return (await example.engine.docker(['ps', '--all', '--filter', filter, '--format', '{{.Names}} {{.State}}']))
    .split('\n')
    .sort()
}
/** Failures of one kind in one line, with the first and the last of them. */
const grouped = (failures: string[]) => {
  const groups = new Map<string, string[]>()
  for (const failure of failures) {
    const [at = '', how = ''] = failure.split(/: (.*)/s)
    groups.set(how, [...(groups.get(how) ?? []), at])
  }
  return [...groups].map(([how, times]) => `${times.length} times, from ${times[0]} to ${times.at(-1)}: ${how}`)
}
const deploy = async (...args: string[]) => {
  const done = await example.task(['deploy', 'staging', '--yes', ...args], { timeout: 600_000 })
  assert.is(done.status, 0, shown(done))
  return done
}

staging('the first deploy starts all of it, migrated and ready', async () => {
  await edition('one')
  await deploy()
  assert.equal((await get('/readyz')).status, 'ready')
  assert.is((await get('/version')).edition, 'one')
  const prometheus = await fetch(`http://127.0.0.1:${example.ports.prometheus}/-/ready`)
  assert.is(prometheus.status, 200)
  const up = await example.task(['services', 'up', '-e', 'staging'])
  assert.is(up.status, 0, shown(up))
  assert.match(shown(up), /nothing to do/i)
})

staging('three deploys and a rollback under load fail no request, one of them with an expand migration', async () => {
  // Every tenth asks the database: of an endpoint that nobody has asked for yet, nothing is in the cache.
  const load = startLoad(
    (number) => `${example.url}/${number % 10 === 9 ? `stats?endpoint=/load-${number}` : 'version'}`,
    {
      perSecond: 220,
      keep: true,
      see: (body, answer) => {
        const source = answer.headers['x-cache']
        return source === undefined ? String((JSON.parse(body) as { edition: string }).edition) : `stats: ${source}`
      },
    },
  )
  try {
    await edition('two')
    const second = await deploy()
    assert.match(shown(second), /start the new api .*beside the old/)
    assert.match(shown(second), /send requests for api to the new containers \(proxy\)/)
    await edition('three')
    await deploy()
    example.write(
      'database/migrations/20261101090000_add_note.sql',
      '-- migrate:up\nALTER TABLE hits ADD COLUMN note text;\n-- migrate:down\nALTER TABLE hits DROP COLUMN note;\n',
    )
    await edition('four')
    const fourth = await deploy()
    assert.match(shown(fourth), /1 pending|20261101090000/)
    assert.is((await get('/version')).edition, 'four')
    const back = await example.task(['rollback', 'staging', '--yes'], { timeout: 600_000 })
    assert.is(back.status, 0, shown(back))
    assert.is((await get('/version')).edition, 'three')
  } catch (error) {
    const { failures } = await load.stop()
    const logs = await example.engine.try(['logs', '--tail', '30', `${example.name}-staging-proxy-proxy-1`])
    console.log(grouped(failures), await containersOf('proxy'), await containersOf('api'), shown(logs))
    throw error
  }
  const met = await load.stop()
  const isStats = (what: string) => what.startsWith('stats: ')
  const stats = [...met.seen].reduce(
    (sum, [what, count]) => sum + (isStats(what) && what !== 'stats: hit' ? count : 0),
    0,
  )
  note(
    `${met.sent} requests at ${met.perSecond.toFixed(0)} per second${met.held ? ' (the machine had no more)' : ''}, ${stats} of the database, ${met.again} sent again, ${met.failures.length} failed, slowest ${met.slowestMs.toFixed(0)} ms`,
  )
  assert.equal(grouped(met.failures), [])
  assert.ok(met.held || met.perSecond >= 200, `only ${met.perSecond} requests per second`)
  assert.equal([...met.seen.keys()].filter((what) => !isStats(what)).sort(), ['four', 'one', 'three', 'two'])
  assert.ok(stats >= met.sent / 11, `${stats} of ${met.sent} requests have asked the database`)
  const api = await containersOf('api')
  assert.is(api.length, 2, api.join(', '))
  for (const container of api) assert.match(container, /^\S+-api-\d+ running$/)
})

staging(
  'maintenance answers everybody with 503, also from a proxy that was started again, until it is off',
  async () => {
    const on = await example.task(['maintenance', 'on', 'staging', '--yes'])
    assert.is(on.status, 0, shown(on))
    const down = await fetch(`${example.url}/version`)
    assert.is(down.status, 503)
    assert.ok(Number(down.headers.get('retry-after')) > 0)
    const again = await example.task(['maintenance', 'on', 'staging'])
    assert.match(shown(again), /nothing to do/i)
    await example.engine.docker(['restart', `${example.name}-staging-proxy-proxy-1`])
    await until(async () => (await fetch(`${example.url}/proxy-healthz`)).ok, { what: 'the proxy', deadline: 120_000 })
    assert.is((await fetch(`${example.url}/version`)).status, 503)
    assert.match((await example.task(['maintenance', 'status', 'staging'])).stdout, /maintenance is on/)
    const off = await example.task(['maintenance', 'off', 'staging', '--yes'])
    assert.is(off.status, 0, shown(off))
    await until(async () => (await fetch(`${example.url}/version`)).ok, { what: 'the api', deadline: 60_000 })
  },
)

staging.run()

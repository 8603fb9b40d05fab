import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Desired } from '../../../lib/model/desired.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import type { Finding } from '../../../lib/model/finding.ts'
import { connectSupervisor } from '../../../lib/platform/local/client.ts'
import { freePort, until } from '../../support/index.ts'
import { bench, http, reference, release, spec, startData, writeFiles } from './ops.ts'
import { endWorkspaces, gone, lives, workspace } from './support.ts'

test.after.each(endWorkspaces)

const server = `
import { createServer } from 'node:http'
createServer((request, response) => {
  response.end(JSON.stringify({ url: request.url, cwd: process.cwd(), ...process.env }))
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'))
`

const httpHealth = { probes: [http('/')], intervalMs: 50, passes: 2, deadlineMs: 20_000, watchMs: 1000 }

test('a service of a release: its folder, its values, its gate, its log, its end', async () => {
  const folder = workspace()
  const port = await freePort()
  const { platform, run, check, context } = bench(folder, { TOKEN: 'a secret token' })
  writeFiles(folder, { '.ops/releases/dev/3/source/app/server.mjs': server })
  await platform.releases.open(release(3, { revision: 'v1.4' }))
  const api = spec({
    source: { kind: 'release', release: 3 },
    directory: 'app',
    ports: { http: port },
    environment: {
      PORT: String(port),
      GREETING: ['token=', reference('TOKEN'), ';'],
      RELEASE: [{ known: 'release' }, '/', { known: 'revision' }],
    },
    health: httpHealth,
  })
  const data = startData(api)
  assert.is(await check('start-service', data), 'pending')
  process.env.TOKEN_OF_THE_SHELL = 'none of its business'
  await run('start-service', data)
  delete process.env.TOKEN_OF_THE_SHELL
  assert.is(await check('start-service', data), 'done')
  assert.match((await run('wait-gate', { service: 'api', spec: api })).message ?? '', /^ready after \d/)

  const endpoint = unwrap(await platform.connect('api', 'http'))
  assert.is(endpoint.port, port)
  const seen = (await (await fetch(`http://127.0.0.1:${port}/x`)).json()) as Record<string, string>
  assert.is(seen.cwd, join(folder, '.ops/releases/dev/3/source/app'))
  assert.is(seen.GREETING, 'token=a secret token;')
  assert.is(seen.RELEASE, '3/v1.4')
  assert.is(seen.TOKEN_OF_THE_SHELL, undefined)

  const [state] = await platform.status(context.signal)
  assert.is(state?.status, 'running')
  assert.is(state?.health, 'healthy')
  assert.is(state?.release, 3)
  assert.equal(state?.ports, { http: port })
  assert.is((await run('start-service', data)).message, 'runs already')
  const log = []
  for await (const line of platform.logs({ services: ['api'], follow: false, lines: 10 }, context.signal))
    log.push(line)
  assert.ok(log.some(({ text, at, service }) => text === 'listening' && at !== undefined && service === 'api'))

  assert.is(await check('stop-service', { service: 'api', before: null }), 'pending')
  await run('stop-service', { service: 'api', before: data.fingerprint })
  assert.not.ok(lives(state?.pid as number))
  assert.is(await check('stop-service', { service: 'api', before: null }), 'done')
  assert.is((await platform.status(context.signal))[0]?.status, 'stopped')
  assert.is(unwrap(await connectSupervisor(folder)), undefined)
  const refused = await platform.connect('api', 'http')
  assert.is(!refused.ok && refused.failures[0].code, 'service-not-running')
})

test('an op whose before-value is not true any more changes nothing', async () => {
  const folder = workspace()
  const { run, failing, platform, context } = bench(folder)
  const api = spec({ command: ['sleep', '1000'] })
  await run('start-service', startData(api, { command: 'a' }))
  const [before] = await platform.status(context.signal)
  for (const claimed of [null, { command: 'other' }]) {
    const failure = await failing('start-service', { ...startData(api, { command: 'b' }), before: claimed })
    assert.is(failure.code, 'changed-meanwhile')
  }
  assert.is((await failing('stop-service', { service: 'api', before: { command: 'other' } })).code, 'changed-meanwhile')
  assert.is((await platform.status(context.signal))[0]?.pid, before?.pid)
  await run('start-service', { ...startData(api, { command: 'b' }), before: { command: 'a' } })
  assert.not.ok(lives(before?.pid as number))
})

test('a service that has ended meanwhile is started all the same', async () => {
  const { run, platform, context } = bench(workspace())
  const api = spec({ command: ['sleep', '1000'] })
  await run('start-service', startData(api, { command: 'a' }))
  const [before] = await platform.status(context.signal)
  process.kill(before?.pid as number, 'SIGKILL')
  await until(async () => (await platform.status(context.signal))[0]?.status === 'error', { what: 'its end' })
  await run('start-service', { ...startData(api, { command: 'b' }), before: { command: 'a' } })
  assert.is((await platform.status(context.signal))[0]?.status, 'pending')
})

test('a port that somebody else has is told before anything is stopped, with its owner and a free one', async () => {
  const folder = workspace()
  writeFiles(folder, { 'server.mjs': server })
  const foreign = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => foreign.once('listening', resolve))
  const { port } = foreign.address() as AddressInfo
  const own = await freePort()
  const { run, failing, platform, context } = bench(folder)
  const old = spec({ ports: { http: own }, environment: { PORT: String(own) }, health: httpHealth })
  await run('start-service', startData(old, { ports: 'old' }))
  await run('wait-gate', { service: 'api', spec: old })
  const [before] = await platform.status(context.signal)

  const moved = spec({ ports: { http: port }, environment: { PORT: String(port) } })
  const failure = await failing('start-service', { ...startData(moved, { ports: 'new' }), before: { ports: 'old' } })
  assert.is(failure.code, 'port-in-use')
  assert.match(
    failure.message,
    new RegExp(`^port ${port} \\(http of api\\) is in use by .*pid ${process.pid}.*; \\d+ is free$`),
  )
  assert.ok(lives(before?.pid as number))
  const data = { ...startData(moved, { ports: 'new' }), before: { ports: 'old' } }
  const plan = { operation: 'up', environment: 'dev', findings: [], notes: [] }
  const op = {
    id: 'start:api',
    kind: 'start-service' as const,
    after: [],
    cause: 'test',
    changes: true,
    timeoutMs: 1,
    data,
  }
  const findings = await platform.preflight({ ...plan, ops: [op] }, undefined, context.signal)
  const [finding] = findings.filter(({ rule }) => rule === 'port-in-use')
  assert.is(finding?.severity, 'error')
  assert.is(finding?.mend, 'task services up api --resolve-ports')

  // A port that another service of the catalogue has declared is not free, though nobody listens there now.
  const suggested = (found: Finding[]) => Number(/; (\d+) is free/.exec(found.at(-1)?.message ?? '')?.[1])
  const stopped = { name: 'web', spec: spec({ ports: { http: suggested([finding as Finding]) } }) }
  const catalogue = { configuredAs: 'dev', services: [stopped] } as unknown as Desired
  const two = { ...moved, service: 'worker' }
  const ops = [op, { ...op, id: 'start:worker', data: { ...data, service: 'worker', spec: two } }]
  const found = await platform.preflight({ ...plan, operation: 'setup', ops }, catalogue, context.signal)
  const ofPorts = found.filter(({ rule }) => rule === 'port-in-use')
  assert.equal(
    ofPorts.map(({ mend }) => mend),
    [undefined, 'task setup dev --resolve-ports'],
  )
  const free = [suggested(ofPorts.slice(0, 1)), suggested(ofPorts)]
  assert.is(new Set([...free, stopped.spec.ports.http]).size, 3)
  foreign.close()

  // Its own port is no obstacle to a service that is replaced.
  await run('start-service', { ...startData(old, { ports: 'again' }), before: { ports: 'old' } })
  await run('wait-gate', { service: 'api', spec: old })
})

test('a secret that nobody has any more is a failure, and nothing is started', async () => {
  const folder = workspace()
  const { failing } = bench(folder)
  const failure = await failing('start-service', startData(spec({ environment: { A: [reference('GONE')] } })))
  assert.is(failure.code, 'secret-missing')
  assert.match(failure.message, /api needs the secret GONE/)
})

test('a service that was left by a dead supervisor is observed as it is, and stopped', async () => {
  const folder = workspace()
  const { run, platform, context } = bench(folder)
  await run('start-service', startData(spec({ command: ['sleep', '1000'] })))
  const [before] = await platform.status(context.signal)
  const client = unwrap(await connectSupervisor(folder))
  process.kill(client?.record.identity.pid as number, 'SIGKILL')
  await gone(before?.pid as number)
  const [state] = await platform.status(context.signal)
  assert.is(state?.status, 'error')
  assert.is(state?.reason, 'its supervisor died, which ended it')
  assert.is(state?.pid, undefined)
  const plan = { operation: 'up', environment: 'dev', ops: [], findings: [], notes: [] }
  const findings = await platform.preflight(plan, undefined, context.signal)
  assert.ok(findings.some(({ rule, message }) => rule === 'supervisor-died' && /with it api/.test(message)))
  assert.is((await run('stop-service', { service: 'api', before: null })).message, 'was not running')
})

test('the processes of a dead run are ended, the services stay', async () => {
  const folder = workspace()
  const { run, platform, context, lines } = bench(folder)
  await run('start-service', startData(spec({ command: ['sleep', '1000'] })))
  const [before] = await platform.status(context.signal)
  const built = run('run-build', {
    service: 'api',
    source: { kind: 'working-tree' },
    command: ['sh', '-c', 'echo $$; setsid sleep 1000 & wait'],
    directory: '.',
    artefact: 'x',
  }).catch((error: Error) => error)
  const pid = await until(() => Number(lines[0]), { what: 'the build' })
  const holder = { run: 'run-of-the-test', user: 'me', host: 'here', pid: 1, purpose: 'deploy', since: '' }
  await platform.endLeftovers(holder, context.signal)
  await gone(pid)
  assert.match(String(await built), /the build of api ended/)
  assert.ok(lives(before?.pid as number))
  assert.not.match(readFileSync(`/proc/${before?.pid}/environ`, 'latin1'), /VITAL_OPS_RUN/)
})

test.run()

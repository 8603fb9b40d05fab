import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../../lib/model/failure.ts'
import { connectSupervisor } from '../../../lib/platform/local/client.ts'
import { freePort, until } from '../../support/index.ts'
import { bench, http, spec, startData, writeFiles } from './ops.ts'
import { endWorkspaces, workspace } from './support.ts'

test.after.each(endWorkspaces)

/** A service whose answers a script decides: `answer(count)` gives the status, 0 never answers. */
const scripted = (answer: string) => `
import { createServer } from 'node:http'
let count = 0
console.log('starting')
createServer((request, response) => {
  const status = (${answer})(++count)
  if (status === 0) return
  response.statusCode = status
  response.end('count ' + count)
}).listen(Number(process.env.PORT), '127.0.0.1')
`

async function gateOf(files: Record<string, string>, change: Parameters<typeof spec>[0] = {}, deadlineMs = 20_000) {
  const folder = workspace()
  writeFiles(folder, files)
  const port = await freePort()
  const made = bench(folder)
  const api = spec({
    ports: { http: port },
    environment: { PORT: String(port) },
    health: { probes: [{ ...http('/'), timeout: '300ms' }], intervalMs: 50, passes: 3, deadlineMs, watchMs: 60_000 },
    ...change,
  })
  await made.run('start-service', startData(api))
  return { ...made, data: { service: 'api', spec: api } }
}

test('slow to start: passes after its passes in a row', async () => {
  const { run, data, lines } = await gateOf({ 'server.mjs': scripted('(count) => count < 5 ? 503 : 200') })
  assert.match((await run('wait-gate', data)).message ?? '', /^ready after/)
  assert.ok(lines.some((line) => /^not ready yet: .*status 503/.test(line)))
})

test('flapping: never passes, and says so', async () => {
  const { failing, data } = await gateOf({ 'server.mjs': scripted('(count) => count % 2 === 0 ? 500 : 200') }, {}, 1500)
  const failure = await failing('wait-gate', data)
  assert.is(failure.code, 'gate-failed')
  assert.match(failure.message, /^api did not become ready: it flaps: \d+ of \d+ attempts passed, never 3 in a row/)
  assert.ok(failure.lines?.includes('starting'))
  assert.equal(failure.next, ['task services logs api'])
})

test('never answering: fails at the deadline', async () => {
  const { failing, data } = await gateOf({ 'server.mjs': scripted('() => 0') }, {}, 1000)
  const failure = await failing('wait-gate', data)
  assert.match(failure.message, /none of \d+ attempts in 1s passed; last failure: .*no answer within/)
})

test('a crash fails at once, with the last words of the log', async () => {
  const script = 'for (let line = 1; line <= 80; line++) console.error("line " + line); throw new Error("no database")'
  const { failing, data } = await gateOf({ 'server.mjs': script }, {}, 600_000)
  const failure = await failing('wait-gate', data)
  assert.is(failure.message, 'api did not become ready: its process ended with status 1')
  assert.is(failure.lines?.length, 50)
  assert.ok(failure.lines?.some((line) => line.includes('Error: no database')))
  assert.is(failure.lines?.at(-1), '[vital-ops] its process ended with status 1')
})

test('a crash loop fails long before the deadline', async () => {
  const { failing, data } = await gateOf({ 'server.mjs': 'process.exit(3)' }, { restart: 'on-failure' }, 600_000)
  const failure = await failing('wait-gate', data)
  assert.match(
    failure.message,
    /it ends again and again \(3 times within a minute\); the last time it ended with status 3/,
  )
})

test('the log of an earlier start is not shown as the cause of this one', async () => {
  const { run, failing, data, folder } = await gateOf({ 'server.mjs': 'console.log("first start")' }, {}, 600_000)
  await failing('wait-gate', data)
  writeFiles(folder, { 'server.mjs': 'console.log("second start"); process.exit(1)' })
  await run('start-service', startData(data.spec))
  const { lines } = await failing('wait-gate', data)
  assert.ok(lines?.includes('second start'))
  assert.not.ok(lines?.includes('first start'))
})

test('one-shot: ready when it ended with status 0, failed otherwise', async () => {
  const good = await gateOf({ 'server.mjs': 'setTimeout(() => {}, 200)' }, { oneShot: true })
  assert.match((await good.run('wait-gate', good.data)).message ?? '', /^ran to its end/)
  assert.is(await good.check('start-service', startData(good.data.spec)), 'done')
  const bad = await gateOf({ 'server.mjs': 'process.exit(4)' }, { oneShot: true }, 600_000)
  assert.match((await bad.failing('wait-gate', bad.data)).message, /its process ended with status 4/)
})

test('a service that is stopped meanwhile, or whose supervisor dies, is not waited for', async () => {
  const stopped = await gateOf({ 'server.mjs': scripted('() => 500') }, {}, 600_000)
  const waiting = stopped.failing('wait-gate', stopped.data)
  await until(() => stopped.lines.length > 0, { what: 'the first attempt' })
  await stopped.run('stop-service', { service: 'api', before: null })
  assert.match((await waiting).message, /somebody has stopped it meanwhile|its supervisor has ended/)

  const left = await gateOf({ 'server.mjs': scripted('() => 500') }, {}, 600_000)
  const alone = left.failing('wait-gate', left.data)
  await until(() => left.lines.length > 0, { what: 'the first attempt' })
  const client = unwrap(await connectSupervisor(left.folder))
  process.kill(client?.record.identity.pid as number, 'SIGKILL')
  assert.match((await alone).message, /its supervisor has ended/)
})

test('an interrupted gate ends at once', async () => {
  const { failing, data, abort, lines } = await gateOf({ 'server.mjs': scripted('() => 500') }, {}, 600_000)
  const waiting = failing('wait-gate', data)
  await until(() => lines.length > 0, { what: 'the first attempt' })
  abort()
  assert.is((await waiting).code, 'aborted')
})

test('a service that was never started has no gate to wait for', async () => {
  const { failing } = bench(workspace())
  assert.match((await failing('wait-gate', { service: 'api', spec: spec() })).message, /it was not started/)
})

test.run()

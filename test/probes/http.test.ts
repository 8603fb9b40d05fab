import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../support/index.ts'
import { attempt } from './support.ts'

const servers: Server[] = []

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test.after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const answering = (status: number, body: string, headers: Record<string, string> = {}) =>
  serve((_, response) => response.writeHead(status, headers).end(body))

test('a status from 200 to 299 passes, and the message names request and status', async () => {
  const port = await answering(204, '')
  const result = await attempt({ type: 'http', path: '/readyz' }, { ports: { http: port } })
  assert.is(result.passed, true)
  assert.is(result.message, `GET http://127.0.0.1:${port}/readyz: 204`)
  assert.ok(result.latencyMs > 0)
})

test('another status fails with the beginning of the body on one line', async () => {
  const port = await answering(503, '{"database":\n "down"}')
  const result = await attempt({ type: 'http', path: '/readyz' }, { ports: { http: port } })
  assert.is(result.passed, false)
  assert.is(
    result.message,
    `GET http://127.0.0.1:${port}/readyz: status 503, expected 200 to 299: {"database": "down"}`,
  )
})

test('a wanted status passes and a redirection that is not wanted is named without its query', async () => {
  const port = await answering(302, '', { location: 'https://user:hunter22@login.example/in?token=abcdef#x' })
  const ports = { http: port }
  assert.is((await attempt({ type: 'http', status: [301, 302] }, { ports })).passed, true)
  const { message } = await attempt({ type: 'http' }, { ports })
  assert.match(message, 'status 302, expected 200 to 299, redirects to https://login.example/in?…')
  assert.not.match(message, 'hunter22')
  assert.not.match(message, 'abcdef')
})

test('the body must contain the text', async () => {
  const port = await answering(200, 'all is well')
  assert.is((await attempt({ type: 'http', body: 'well' }, { ports: { http: port } })).passed, true)
  const result = await attempt({ type: 'http', body: 'ready' }, { ports: { http: port } })
  assert.is(result.passed, false)
  assert.match(result.message, 'status 200, but the body does not contain "ready": all is well')
})

test('values in the JSON body are compared by path, with what was found in the message', async () => {
  const body = JSON.stringify({ checks: { database: 'ok', cache: 'down', list: [{ up: true }] } })
  const port = await answering(200, body)
  const at = (json: Record<string, unknown>) => attempt({ type: 'http', json }, { ports: { http: port } })
  assert.is((await at({ 'checks.database': 'ok', 'checks.list.0.up': true })).passed, true)
  assert.match((await at({ 'checks.cache': 'ok' })).message, 'checks.cache is "down", expected "ok"')
  assert.match((await at({ 'checks.queue': 'ok' })).message, 'checks.queue is missing in the body')
  assert.is((await at({ 'checks.toString': 'ok' })).passed, false)
})

test('a body that is not JSON says so', async () => {
  const port = await answering(200, '<html>hello</html>')
  const result = await attempt({ type: 'http', json: { a: 1 } }, { ports: { http: port } })
  assert.match(result.message, 'the body is not JSON: <html>hello</html>')
})

test('an answer slower than the bound fails', async () => {
  const port = await serve((_, response) => setTimeout(() => response.end('late'), 60))
  const result = await attempt({ type: 'http', latency: '20ms' }, { ports: { http: port } })
  assert.is(result.passed, false)
  assert.match(result.message, /status 200 after \d+ms, slower than 20ms/)
})

test('nobody on the port is a refused connection', async () => {
  const port = await freePort()
  const result = await attempt({ type: 'http' }, { ports: { http: port } })
  assert.is(result.message, `GET http://127.0.0.1:${port}/: connection refused (127.0.0.1:${port})`)
})

test('a server that never answers, and one that never ends its answer, end at the deadline', async () => {
  const silent = await serve(() => {})
  const endless = await serve((_, response) => response.writeHead(200).write('begin'))
  for (const port of [silent, endless]) {
    const result = await attempt({ type: 'http', timeout: '100ms' }, { ports: { http: port } })
    assert.is(result.passed, false)
    assert.is(result.message, `no answer within 100ms (127.0.0.1:${port})`)
  }
})

test('an endless body is read to a limit', async () => {
  const port = await serve((_, response) => {
    const more = () => {
      while (response.write('x'.repeat(65_536)));
      response.once('drain', more)
    }
    more()
  })
  const result = await attempt({ type: 'http', body: 'xxx' }, { ports: { http: port } })
  assert.is(result.passed, true)
})

test('an aborted signal ends the attempt as cancelled', async () => {
  const port = await serve(() => {})
  const controller = new AbortController()
  const running = attempt({ type: 'http' }, { ports: { http: port } }, controller.signal)
  controller.abort()
  assert.is((await running).message, 'cancelled')
  assert.is((await attempt({ type: 'http' }, { ports: { http: port } }, AbortSignal.abort())).message, 'cancelled')
})

test('user, password, query and secret headers are in no message', async () => {
  const port = await serve((request, response) =>
    response.writeHead(500).end(`${request.headers.authorization} ${request.url} ${request.headers['x-api-key']}`),
  )
  const result = await attempt({
    type: 'http',
    url: `http://admin:hunter22@127.0.0.1:${port}/readyz?token=tok-123456`,
    headers: { 'x-api-key': 'key-98765432' },
  })
  assert.is(result.passed, false)
  assert.match(result.message, 'status 500')
  for (const secret of ['hunter22', 'tok-123456', 'key-98765432']) assert.not.match(result.message, secret)
})

test('a wrong address fails without repeating it', async () => {
  const result = await attempt({ type: 'http', url: 'htp//admin:hunter22@x' })
  assert.is(result.passed, false)
  assert.match(result.message, 'not an address that begins with http:// or https://')
  assert.not.match(result.message, 'hunter22')
})

test('a port name that the service lacks is named with those that it has', async () => {
  const result = await attempt({ type: 'http', port: 'admin' }, { ports: { http: 1, metrics: 2 } })
  assert.is(result.message, 'api has no port admin (it has http, metrics)')
})

test.run()

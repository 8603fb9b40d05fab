import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, skip, temporaryFolder, until } from '../support/index.ts'
import { attempt } from './support.ts'

const running: ChildProcess[] = []
const servers: Server[] = []

async function startRedis(...options: string[]): Promise<number> {
  const port = await freePort()
  const fixed = ['--bind', '127.0.0.1', '--save', '', '--dir', temporaryFolder(), '--port', String(port)]
  running.push(spawn('redis-server', [...fixed, ...options], { stdio: 'ignore' }))
  await until(async () => (await attempt({ type: 'tcp', port })).passed, { what: 'redis to listen' })
  return port
}

test.before(() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
  } catch {
    skip('redis-server is not installed')
  }
})
test.after(() => {
  for (const child of running) child.kill('SIGKILL')
  for (const server of servers) server.close()
})

test('a server that answers PONG passes', async () => {
  const port = await startRedis()
  const result = await attempt({ type: 'redis' }, { ports: { redis: port } })
  assert.is(result.passed, true, result.message)
  assert.is(result.message, `127.0.0.1:${port} answers PONG`)
  assert.is((await attempt({ type: 'redis', url: `redis://127.0.0.1:${port}/3` })).passed, true)
  const beyond = await attempt({ type: 'redis', url: `redis://127.0.0.1:${port}/99` })
  assert.match(beyond.message, 'has no database 99: ERR DB index is out of range')
})

test('a password is sent; a missing and a wrong one are told apart and never shown', async () => {
  const port = await startRedis('--requirepass', 'hünter 22')
  const password = encodeURIComponent('hünter 22')
  assert.is((await attempt({ type: 'redis', url: `redis://:${password}@127.0.0.1:${port}` })).passed, true)
  assert.is((await attempt({ type: 'redis', url: `redis://default:${password}@127.0.0.1:${port}` })).passed, true)
  const none = await attempt({ type: 'redis' }, { ports: { redis: port } })
  assert.is(none.passed, false)
  assert.match(none.message, 'wants a password: give the probe a url that has it')
  const wrong = await attempt({ type: 'redis', url: `redis://:wrong-secret@127.0.0.1:${port}` })
  assert.is(wrong.passed, false)
  assert.match(wrong.message, 'refuses the password: WRONGPASS')
  assert.not.match(wrong.message, 'wrong-secret')
})

test('refused, silent and foreign servers fail', async () => {
  const closed = await freePort()
  const refused = await attempt({ type: 'redis', port: closed })
  assert.is(refused.message, `connection refused (127.0.0.1:${closed})`)
  const silent = createServer(() => {})
  const foreign = createServer((socket) => socket.on('error', () => {}).write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  for (const server of [silent, foreign]) {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  }
  const portOf = (server: Server) => (server.address() as { port: number }).port
  const late = await attempt({ type: 'redis', port: portOf(silent), timeout: '100ms' })
  assert.is(late.message, `no answer within 100ms (127.0.0.1:${portOf(silent)})`)
  const other = await attempt({ type: 'redis', port: portOf(foreign) })
  assert.match(other.message, 'answers PING with "HTTP/1.1 400 Bad Request"')
})

test.run()

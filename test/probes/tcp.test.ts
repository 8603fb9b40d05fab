import { type AddressInfo, createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../support/index.ts'
import { attempt } from './support.ts'

test('a listening port passes, a closed one is refused', async () => {
  const server = createServer((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const result = await attempt({ type: 'tcp', port: 'raw' }, { ports: { other: 1, raw: port } })
    assert.is(result.passed, true)
    assert.is(result.message, `accepts connections on 127.0.0.1:${port}`)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
  const refused = await attempt({ type: 'tcp', port })
  assert.is(refused.passed, false)
  assert.is(refused.message, `connection refused (127.0.0.1:${port})`)
})

test('a name with several addresses gives one readable reason', async () => {
  const port = await freePort()
  const result = await attempt({ type: 'tcp', host: 'localhost', port })
  assert.is(result.message, `connection refused (localhost:${port})`)
})

test('a name that does not resolve says so', async () => {
  const result = await attempt({ type: 'tcp', host: 'nowhere.invalid', port: 1 })
  assert.is(result.passed, false)
  assert.match(result.message, /the name does not resolve|the name service does not answer/)
})

test('a service without ports needs a number', async () => {
  const result = await attempt({ type: 'tcp' })
  assert.is(result.message, 'api has no port: give the probe a port number')
})

test.run()

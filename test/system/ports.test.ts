import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { userInfo } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseListeners, parseLsof } from '../../lib/system/port-owner.ts'
import { freePortNear, isPortFree, portOwner, portState } from '../../lib/system/ports.ts'
import { freePort as quietPort, skip, until } from '../support/index.ts'

async function listen(port: number, host: string): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  return server
}

const listenScript = `require('node:net').createServer().listen(Number(process.argv[1]), process.argv[2], () => console.log('up'))`

/** A server in a process of its own, as another user if that is wanted. */
async function serverProcess(port: number, host: string, uid?: number): Promise<{ pid: number; end: () => void }> {
  const child = spawn(process.execPath, ['-e', listenScript, String(port), host], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid !== undefined && { uid, gid: uid }),
  })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  await until(() => said.includes('up'), { what: 'the server to listen' })
  return { pid: child.pid as number, end: () => void child.kill('SIGKILL') }
}

test('a port that is listened on is in use, on any of the addresses; then it is free again', async () => {
  for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
    const port = await quietPort()
    assert.ok(await isPortFree('127.0.0.1', port))
    const server = await listen(port, host).catch(() => skip(`this machine has no ${host}`, { allowedOnCi: true }))
    assert.is(await portState('127.0.0.1', port), 'in-use', host)
    await new Promise((resolve) => server.close(resolve))
    assert.ok(await isPortFree('127.0.0.1', port))
  }
})

test('an address that is not of this machine, and a name that is none', async () => {
  assert.is(await portState('192.0.2.1', await quietPort()), 'no-such-address')
})

test('the owner of a port is named: pid, command, user', async () => {
  for (const host of ['127.0.0.1', '::1', '0.0.0.0', '::']) {
    const port = await quietPort()
    assert.is(await portOwner(port), undefined)
    const server = await serverProcess(port, host).catch(() => undefined)
    if (server === undefined) continue
    try {
      const owner = await portOwner(port)
      assert.is(owner?.pid, server.pid, host)
      assert.match(owner?.command ?? '', process.execPath)
      assert.match(owner?.command ?? '', 'createServer')
      assert.is(owner?.user, userInfo().username)
    } finally {
      server.end()
    }
    await until(async () => (await portOwner(port)) === undefined, { what: 'the port to be nobody’s' })
  }
})

test('another user’s port: who, but neither pid nor command', async () => {
  if (process.getuid?.() !== 0) skip('needs root to be two users', { allowedOnCi: true })
  // Seen by `nobody`: a server of root's.
  const port = await quietPort()
  const server = await serverProcess(port, '127.0.0.1')
  try {
    const { buildProgram } = await import('./support/fixture.ts')
    const { readFileSync } = await import('node:fs')
    const program = readFileSync(await buildProgram('port-owner'), 'utf8')
    const asker = spawn(process.execPath, ['--input-type=module', '-', String(port)], {
      cwd: '/',
      uid: 65534,
      gid: 65534,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let said = ''
    asker.stdout.on('data', (chunk) => {
      said += chunk
    })
    asker.stdin.end(program)
    await new Promise((resolve) => asker.once('close', resolve))
    assert.equal(JSON.parse(said), { user: 'root' })
  } finally {
    server.end()
  }
})

test('the next free port: neither one in use nor one promised to another', async () => {
  const wanted = await quietPort()
  const server = await listen(wanted + 1, '127.0.0.1').catch(() => undefined)
  const found = await freePortNear(wanted, [wanted + 2, wanted + 3])
  assert.ok(found !== undefined && found > wanted + 3 && found < wanted + 1000, String(found))
  assert.ok(await isPortFree('127.0.0.1', found as number))
  server?.close()
  const top = await freePortNear(65_535)
  assert.ok(top !== undefined && top >= 1024 && top < 2100, String(top))
  assert.is(
    await freePortNear(
      30_000,
      Array.from({ length: 1000 }, (_, index) => 30_001 + index),
    ),
    undefined,
  )
})

test('what /proc/net/tcp6 and lsof print is read right', () => {
  const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 24680 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 13579 1
`
  assert.equal(parseListeners(tcp6), [{ port: 8080, user: 1000, inode: '24680' }])
  assert.equal(parseListeners(''), [])
  assert.equal(parseLsof('p501\ncnode\nLann\nf20\np502\ncother\nLbob\n'), { pid: 501, command: 'node', user: 'ann' })
  // A server on IPv4 and IPv6, a set of lines for each file; its worker has them too.
  assert.equal(parseLsof('p73021\ncpostgres\nLann\nf7\nf8\np73040\ncpostgres\nLann\nf7\n'), {
    pid: 73021,
    command: 'postgres',
    user: 'ann',
  })
  assert.is(parseLsof(''), undefined)
})

test.run()

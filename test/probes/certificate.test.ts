import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judge } from '../../lib/probes/certificate.ts'
import { freePort, skip, temporaryFolder } from '../support/index.ts'
import { attempt } from './support.ts'

const servers: Server[] = []
const folder = temporaryFolder()

function makeCertificate(days: number): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${days}.key`), join(folder, `${days}.crt`)]
  const subject = ['-subj', '/CN=api.example', '-days', String(days)]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      ...subject,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  )
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test.before(() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
  } catch {
    skip('openssl is not installed')
  }
})
test.after(() => {
  for (const server of servers) server.close()
})

test('a certificate that is valid long enough passes; one that ends earlier fails', async () => {
  const port = await listen(createServer(makeCertificate(30)))
  const good = await attempt({ type: 'certificate', host: '127.0.0.1', port, validFor: '14d' })
  assert.is(good.passed, true, good.message)
  assert.match(good.message, /^api\.example is valid until \d{4}-\d\d-\d\d .* UTC, 29d \d+h more \(not trusted here: /)
  const bad = await attempt({ type: 'certificate', host: '127.0.0.1', port, validFor: '60d' })
  assert.is(bad.passed, false)
  assert.match(bad.message, /; at least 60d wanted/)
})

test('a server without TLS and one that is not there fail', async () => {
  const port = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.end('220 hello\r\n')
    }),
  )
  const plain = await attempt({ type: 'certificate', host: '127.0.0.1', port })
  assert.is(plain.passed, false)
  assert.match(plain.message, 'no TLS certificate: ')
  const closed = await freePort()
  const refused = await attempt({ type: 'certificate', host: '127.0.0.1', port: closed })
  assert.is(refused.message, `no TLS certificate: connection refused (127.0.0.1:${closed})`)
})

test('expired and not yet valid certificates fail whatever is wanted', () => {
  const day = 86_400_000
  const now = Date.UTC(2026, 10, 21)
  assert.is(
    judge({ subject: 'x', from: now - 9 * day, to: now - day }, now, 0).message,
    'x expired 2026-11-20 00:00 UTC, 1d ago',
  )
  assert.is(judge({ subject: 'x', from: now + day, to: now + 9 * day }, now, 0).passed, false)
  assert.is(judge({ subject: 'x', from: now - day, to: now + 14 * day }, now, 14 * day).passed, true)
  assert.is(judge({ subject: 'x', from: now - day, to: now + 14 * day - 1 }, now, 14 * day).passed, false)
})

test.run()

import { execFileSync } from 'node:child_process'
import { chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { outputOf } from '../../lib/backup/client-run.ts'
import { databaseAt } from '../../lib/backup/sources/address.ts'
import { withDatabase } from '../../lib/database/connect.ts'
import { adminUser } from '../../lib/database/engine/cluster.ts'
import { FailureError, failed, ok, unwrap } from '../../lib/model/failure.ts'
import { skip, temporaryFolder } from '../support/index.ts'
import { failureOf, startServer, type TestServer, testEngine } from './support/server.ts'

let server: TestServer
const folder = temporaryFolder()
const ca = join(folder, 'ca.crt')
const other = join(folder, 'other.crt')

const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })

/** A certificate that signs itself. */
const authority = (name: string) =>
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
  )

test.before(async () => {
  try {
    openssl('version')
  } catch {
    skip('openssl is not installed')
  }
  server = await startServer(await testEngine(15, 'system'))
  authority('ca')
  authority('other')
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost')
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.crt',
  )
})
test.after(() => server?.dispose())

/** The environment's address, with its parameters. */
const at = async (host: string, parameters: string) => {
  const url = `postgres://${adminUser}:${encodeURIComponent(server.password.reveal())}@${host}:${server.port}/postgres${parameters}`
  const nobody = { administrator: async () => failed({ code: 'none', message: 'none' }) }
  const found = await databaseAt(
    nobody,
    { service: 'postgres', database: 'postgres', url: [url] },
    { find: () => undefined },
  )
  return { ...found.server, database: found.database, applicationName: 'test' }
}

const isEncrypted = async (host: string, parameters: string) =>
  withDatabase(await at(host, parameters), async (connection) =>
    ok((await connection.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).rows[0]?.ssl as boolean),
  )

async function problem(parameters: string): Promise<string> {
  try {
    await at('localhost', parameters)
  } catch (error) {
    if (error instanceof FailureError) return error.failures[0]?.why ?? ''
    throw error
  }
  return 'none'
}

test('an address that asks for what cannot be done is refused before anything is sent', async () => {
  assert.match(await problem('?sslmode=verify-full'), /needs sslrootcert/)
  assert.match(await problem('?sslmode=always'), /none of disable/)
  assert.match(await problem('?sslmode=require&sslcert=/x.crt'), /sslcert, which is not supported/)
  assert.match(await problem(`?sslrootcert=${ca}`), /does not ask for TLS/)
  assert.match(await problem('?sslmode=verify-ca&sslrootcert=ca.crt'), /no absolute path/)
  const missing = failureOf(await isEncrypted('localhost', '?sslmode=verify-ca&sslrootcert=/nowhere/ca.crt'))
  assert.is(missing.code, 'root-certificate-unread')
})

test('a server without TLS is refused where it is asked for', async () => {
  await server.query('create table encrypted (n int)')
  assert.is(unwrap(await isEncrypted('127.0.0.1', '')), false)
  assert.is(unwrap(await isEncrypted('127.0.0.1', '?sslmode=prefer')), false)
  assert.is(failureOf(await isEncrypted('127.0.0.1', '?sslmode=require')).code, 'database-tls-refused')
})

test('require encrypts; verify-ca checks who signed the certificate, verify-full also the name', async () => {
  const { uid, gid } = statSync(server.dataFolder)
  for (const name of ['server.crt', 'server.key']) {
    const path = join(server.dataFolder, name)
    copyFileSync(join(folder, name), path)
    execFileSync('chmod', ['600', path])
    chownSync(path, uid, gid)
  }
  await server.query(`alter system set ssl = 'on'`)
  await server.query('select pg_reload_conf()')
  // What is not encrypted is not let in any more; a server takes its settings over soon, not at once.
  const hba = join(server.dataFolder, 'pg_hba.conf')
  const before = readFileSync(hba, 'utf8')
  writeFileSync(hba, before.replaceAll(/^host /gm, 'hostssl '))
  await server.query('select pg_reload_conf()')
  let first = await isEncrypted('127.0.0.1', '?sslmode=require')
  for (const end = Date.now() + 30_000; !first.ok && Date.now() < end; )
    first = await isEncrypted('127.0.0.1', '?sslmode=require')
  assert.is(unwrap(first), true)

  const code = async (host: string, parameters: string) => {
    const done = await isEncrypted(host, parameters)
    return done.ok ? done.value : done.failures[0].code
  }
  assert.is(await code('127.0.0.1', ''), 'database-login-refused')
  assert.is(await code('127.0.0.1', `?sslmode=verify-ca&sslrootcert=${ca}`), true)
  assert.is(await code('127.0.0.1', `?sslmode=verify-ca&sslrootcert=${other}`), 'database-certificate-refused')
  // As libpq has it: a root certificate is one that counts.
  assert.is(await code('127.0.0.1', `?sslmode=require&sslrootcert=${other}`), 'database-certificate-refused')
  assert.is(await code('localhost', `?sslmode=verify-full&sslrootcert=${ca}`), true)
  assert.is(await code('127.0.0.1', `?sslmode=verify-full&sslrootcert=${ca}`), 'database-certificate-refused')
})

test("PostgreSQL's own programs go the same way", async () => {
  const dump = async (parameters: string) => {
    let text = ''
    const run = { address: await at('localhost', parameters), signal: new AbortController().signal }
    for await (const piece of outputOf(['/usr/lib/postgresql/15/bin/pg_dump', '--schema-only'], run)) text += piece
    return text
  }
  assert.match(await dump(`?sslmode=verify-full&sslrootcert=${ca}`), /CREATE TABLE public\.encrypted/)
  let refused = ''
  await dump(`?sslmode=verify-full&sslrootcert=${other}`).catch((error: unknown) => {
    refused = error instanceof FailureError ? JSON.stringify(error.failures) : String(error)
  })
  assert.match(refused, /certificate/)
})

test.run()

import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCluster, dataFolderOf, inspectCluster, readAdminSecret } from '../../../lib/database/engine/cluster.ts'
import { endServer, runningServer } from '../../../lib/database/engine/running.ts'
import { engineProcess } from '../../../lib/database/engine/server.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { freePort, start, temporaryFolder, until } from '../../support/index.ts'
import { failureOf, startServer, type TestServer, testEngine } from '../support/server.ts'

let server: TestServer

test.before(async () => {
  server = await startServer(undefined, undefined, { durable: true })
})
test.after(() => server?.dispose())

test('it listens on 127.0.0.1 alone, demands a password, and keeps the disk in order', async () => {
  const settings = await server.query('select name, setting from pg_settings where name = any($1)', [
    [
      'listen_addresses',
      'unix_socket_directories',
      'fsync',
      'data_checksums',
      'server_encoding',
      'password_encryption',
    ],
  ])
  const map = Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))
  assert.is(map.listen_addresses, '127.0.0.1')
  assert.is(map.unix_socket_directories, '')
  assert.is(map.fsync, 'on')
  assert.is(map.data_checksums, 'on')
  assert.is(map.server_encoding, 'UTF8')
  const rules = await server.query('select distinct auth_method from pg_hba_file_rules')
  assert.equal(rules, [{ auth_method: 'scram-sha-256' }])
})

test('text sorts by code point, and case is that of Unicode', async () => {
  const rows = await server.query(`select string_agg(v, '' order by v) as sorted, lower('ÄÖÜ') as lower
    from unnest(array['b','a','B','Ä']) as v`)
  assert.equal(rows, [{ sorted: 'BabÄ', lower: 'äöü' }])
})

test('the cluster is there once, its secret is private, and nothing temporary is left', async () => {
  const again = unwrap(await createCluster({ engine: server.engine, folder: server.folder }))
  assert.equal(again, { dataFolder: server.dataFolder, created: false })
  assert.equal(readdirSync(server.folder).sort(), ['postgres-17', 'postgres-17.admin'])
  assert.is(statSync(join(server.folder, 'postgres-17.admin')).mode & 0o777, 0o600)
  assert.is(statSync(server.dataFolder).mode & 0o777, 0o700)
  assert.equal(await inspectCluster(server.folder, 17), { created: true, others: [] })
})

test('a server that runs already is a failure with its pid', async () => {
  const failure = failureOf(await engineProcess(server.engine, { dataFolder: server.dataFolder, port: server.port }))
  assert.is(failure.code, 'server-already-running')
  assert.match(failure.message, String(server.process.pid))
  assert.is(await runningServer(server.dataFolder), server.process.pid)
})

test('data of another major version are named, and nothing is made beside them', async () => {
  const engine = { ...server.engine, major: 18 }
  const failure = failureOf(await createCluster({ engine, folder: server.folder }))
  assert.is(failure.code, 'database-major-changed')
  assert.match(failure.next?.[0] ?? '', 'version: 17')
  assert.is((await inspectCluster(server.folder, 18)).created, false)
  const wrong = failureOf(await engineProcess(engine, { dataFolder: server.dataFolder, port: 1 }))
  assert.is(wrong.code, 'database-major-changed')
})

test('a data folder that is not there, and a removed secret, are failures', async () => {
  const folder = temporaryFolder()
  const engine = await testEngine()
  assert.is(
    failureOf(await engineProcess(engine, { dataFolder: join(folder, 'x'), port: 1 })).code,
    'data-folder-missing',
  )
  assert.is(failureOf(await readAdminSecret(folder, 17)).code, 'admin-secret-missing')
})

test('root: a folder that the account of the server cannot enter is named', async () => {
  if (process.getuid?.() !== 0) return assert.ok(true)
  const closed = temporaryFolder()
  chmodSync(closed, 0o700)
  const folder = join(closed, 'service')
  const failure = failureOf(await createCluster({ engine: await testEngine(), folder }))
  assert.is(failure.code, 'data-folder-not-enterable')
  assert.match(failure.message, closed)
  assert.equal(failure.next, [`chmod o+x ${closed}`])
})

test('initdb killed half-way: the next call begins anew and succeeds', async () => {
  const folder = join(temporaryFolder(), 'service')
  const engine = await testEngine()
  const controller = new AbortController()
  const killed = createCluster({
    engine,
    folder,
    signal: controller.signal,
    output: (line) => {
      if (line.includes('bootstrap')) controller.abort()
    },
  })
  assert.is(failureOf(await killed).code, 'aborted')
  assert.is((await inspectCluster(folder, engine.major)).created, false)
  assert.is(unwrap(await createCluster({ engine, folder })).created, true)
  assert.equal(readdirSync(folder).sort(), ['postgres-17', 'postgres-17.admin'])
})

test('what a killed creator left is removed, what a living one makes is not', async () => {
  const folder = temporaryFolder()
  const engine = await testEngine()
  const dead = start(['true'])
  await dead.ended
  for (const pid of [dead.pid, process.pid]) {
    writeFileSync(join(folder, `.postgres-17.${pid}-0123456789ab`), 'x')
  }
  unwrap(await createCluster({ engine, folder }))
  const left = readdirSync(folder).filter((name) => name.startsWith('.'))
  assert.equal(left, [`.postgres-17.${process.pid}-0123456789ab`])
})

test('two creators at once end with one cluster and one password that fits', async () => {
  const folder = join(temporaryFolder(), 'service')
  const engine = await testEngine()
  const results = await Promise.all([createCluster({ engine, folder }), createCluster({ engine, folder })])
  assert.equal(results.map((result) => unwrap(result).created).sort(), [false, true])
  const own = await startServer(engine, folder)
  assert.equal(await own.query('select 1 as one'), [{ one: 1 }])
  await own.dispose()
})

test('kill -9 of the server: acknowledged data are there after the next start', async () => {
  const own = await startServer()
  await own.query('create table t (a int)')
  await own.query('insert into t select generate_series(1, 1000)')
  process.kill(own.process.pid, 'SIGKILL')
  await own.process.exited
  assert.is(await endServer(own.dataFolder), true)
  const next = await startServer(own.engine, own.folder)
  assert.equal(await next.query('select count(*)::int as n from t'), [{ n: 1000 }])
  await next.dispose()
})

test('a stale postmaster.pid whose pid another process has got does not keep it from starting', async () => {
  const own = await startServer()
  const pidFile = join(own.dataFolder, 'postmaster.pid')
  const text = readFileSync(pidFile, 'utf8')
  process.kill(own.process.pid, 'SIGKILL')
  await own.process.exited
  assert.is(await endServer(own.dataFolder), true)
  const account = own.engine.user
  // The dangerous case: the pid belongs to the same account, whom PostgreSQL takes for a server of its own.
  const argv: [string, ...string[]] = account
    ? ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', 'sleep', '300']
    : ['sleep', '300']
  const other = start(argv, { cwd: '/' })
  await until(() => readFileSync(`/proc/${other.pid}/comm`, 'utf8').trim() === 'sleep', {
    deadline: 30_000,
    what: 'the process',
  })
  writeFileSync(pidFile, text.replace(/^\d+/, String(other.pid)))
  assert.is(await runningServer(own.dataFolder), undefined)
  const next = await startServer(own.engine, own.folder)
  assert.equal(await next.query('select 1 as one'), [{ one: 1 }])
  await next.dispose()
  assert.is(other.child.exitCode, null, 'the other process was not touched')
  other.child.kill('SIGKILL')
})

test('endServer ends a server that nobody supervises any more', async () => {
  const own = await startServer()
  assert.is(await runningServer(own.dataFolder), own.process.pid)
  assert.is(await endServer(own.dataFolder), true)
  assert.is(await runningServer(own.dataFolder), undefined)
  assert.match(own.log(), 'database system is shut down')
  assert.is((await own.process.exited).status, 0)
  await own.dispose()
})

test('a port that is taken ends the server with a readable log', async () => {
  const folder = join(temporaryFolder(), 'service')
  const { dataFolder } = unwrap(await createCluster({ engine: server.engine, folder }))
  assert.is(dataFolder, dataFolderOf(folder, 17))
  const how = unwrap(await engineProcess(server.engine, { dataFolder, port: await freePort() }))
  assert.is(how.stopSignal, 'SIGINT')
  assert.ok(!JSON.stringify(how).includes(server.password.reveal()))
})

test.run()

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureDatabase, missingParts, terminateSessions } from '../../lib/database/admin.ts'
import { applicationName, withDatabase } from '../../lib/database/connect.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { attempt } from '../probes/support.ts'
import { freePort, until } from '../support/index.ts'
import { failureOf, secret, startServer, type TestServer } from './support/server.ts'

let server: TestServer

test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

const wanted = (name: string, password: string) => ({ name, user: `${name}_user`, password: secret(password) })

const login = (request: ReturnType<typeof wanted>, signal?: AbortSignal) => ({
  host: '127.0.0.1',
  port: server.port,
  database: request.name,
  user: request.user,
  password: request.password,
  applicationName: applicationName('run-1'),
  ...(signal && { signal }),
})

test('role and database are made once, the owner can log in and create tables', async () => {
  const request = wanted('stats', "it's ünusual $1 password")
  const done = await server.connect((admin) => ensureDatabase(admin, request))
  assert.equal(done, ['role', 'database'])
  assert.equal(await server.connect((admin) => ensureDatabase(admin, request)), [])
  const result = await withDatabase(login(request), async (connection) => {
    await connection.query('create table t (a int)')
    return ok((await connection.query('show application_name')).rows[0])
  })
  assert.equal(unwrap(result), { application_name: 'vital-ops/run-1' })
})

test('another password is set, without the server ever seeing it in a statement', async () => {
  const request = wanted('changed', 'first-password-1')
  const next = wanted('changed', 'second-password-2')
  await server.query("alter system set log_statement = 'all'")
  await server.query('select pg_reload_conf()')
  await until(() => server.query("select 1 where current_setting('log_statement') = 'all'").then((rows) => rows[0]), {
    deadline: 30_000,
    what: 'the setting',
  })
  await server.connect((admin) => ensureDatabase(admin, request))
  assert.equal(await server.connect((admin) => missingParts(admin, next)), ['password'])
  await server.connect((admin) => ensureDatabase(admin, next))
  await server.query('alter system reset log_statement')
  await server.query('select pg_reload_conf()')
  assert.is(unwrap(await withDatabase(login(next), async () => ok('in'))), 'in')
  assert.is(failureOf(await withDatabase(login(request), async () => ok('in'))).code, 'database-login-refused')
  assert.match(server.log(), 'alter role "changed_user" login password')
  for (const password of ['first-password-1', 'second-password-2']) assert.not.match(server.log(), password)
})

test('two at once make one role and one database', async () => {
  const request = wanted('raced', 'password-12345')
  await Promise.all([1, 2, 3].map(() => server.connect((admin) => ensureDatabase(admin, request))))
  assert.equal(await server.connect((admin) => missingParts(admin, request)), [])
  assert.is(unwrap(await withDatabase(login(request), async () => ok('in'))), 'in')
})

test('refused, wrong password and missing database are told apart, and hold no password', async () => {
  const request = wanted('stats', 'wrong-password-9')
  const address = login(request)
  const closed = await freePort()
  const failures = [
    failureOf(await withDatabase({ ...address, port: closed }, async () => ok(1))),
    failureOf(await withDatabase(address, async () => ok(1))),
    failureOf(
      await withDatabase({ ...address, database: 'nothing', user: 'postgres', password: server.password }, async () =>
        ok(1),
      ),
    ),
  ]
  assert.equal(
    failures.map(({ code }) => code),
    ['database-unreachable', 'database-login-refused', 'database-missing'],
  )
  assert.match(failures[0]?.message ?? '', `127.0.0.1:${closed}`)
  assert.not.match(JSON.stringify(failures), 'wrong-password-9')
  assert.not.match(JSON.stringify(failures), server.password.reveal())
})

test('an aborted use cancels its statement on the server and is a failure', async () => {
  const controller = new AbortController()
  const request = wanted('aborted', 'password-12345')
  await server.connect((admin) => ensureDatabase(admin, request))
  const sleeping = withDatabase(login(request, controller.signal), async (connection) => {
    await connection.query('select pg_sleep(300)')
    return ok('slept')
  })
  const active =
    "select 1 from pg_stat_activity where query like '%pg_sleep(300)%' and pid <> pg_backend_pid() and state = 'active'"
  await until(async () => (await server.query(active)).length === 1, { deadline: 30_000, what: 'the statement to run' })
  controller.abort()
  assert.is(failureOf(await sleeping).code, 'aborted')
  await until(async () => (await server.query(active)).length === 0, { deadline: 30_000, what: 'the statement to end' })
  assert.is(failureOf(await withDatabase(login(request, controller.signal), async () => ok(1))).code, 'aborted')
})

test('the sessions of a run are ended, others are not', async () => {
  const request = wanted('ended', 'password-12345')
  await server.connect((admin) => ensureDatabase(admin, request))
  const sleep = (run: string) =>
    withDatabase({ ...login(request), applicationName: applicationName(run) }, async (connection) => {
      await connection.query('select pg_sleep(300)')
      return ok('slept')
    })
  const [mine, other] = [sleep('dead-run'), sleep('living-run')]
  const count = (run: string) =>
    server.query('select 1 from pg_stat_activity where application_name = $1', [applicationName(run)])
  await until(async () => (await count('dead-run')).length + (await count('living-run')).length === 2, {
    deadline: 30_000,
    what: 'both',
  })
  assert.is(await server.connect((admin) => terminateSessions(admin, applicationName('dead-run'))), 1)
  assert.is(failureOf(await mine).code, 'database-connection-lost')
  assert.is((await count('dead-run')).length, 0)
  assert.is((await count('living-run')).length, 1)
  await server.connect((admin) => terminateSessions(admin, applicationName('living-run')))
  await other
})

test('the postgres probe: passes, false, errors, deadline, refused, without the password', async () => {
  const password = server.password.reveal()
  const url = `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`
  const target = { databaseUrl: url, ports: { sql: server.port } }
  const good = await attempt({ type: 'postgres' }, target)
  assert.is(good.message, `127.0.0.1:${server.port}/postgres answers queries`)
  assert.is((await attempt({ type: 'postgres', query: 'select true' }, target)).passed, true)
  const results = [
    await attempt({ type: 'postgres', query: 'select pg_is_in_recovery()' }, target),
    await attempt({ type: 'postgres', query: 'select * from nothing' }, target),
    await attempt({ type: 'postgres', query: 'select pg_sleep(300)', timeout: '300ms' }, target),
    await attempt({ type: 'postgres', url: url.replace(password, 'wrong-password') }),
    await attempt({ type: 'postgres', port: await freePort() }, target),
  ]
  assert.ok(results.every((result) => !result.passed))
  const [no = '', missing = '', late = '', wrong = '', refused = ''] = results.map(({ message }) => message)
  assert.match(no, 'the query "select pg_is_in_recovery()" answers false')
  assert.match(missing, 'relation "nothing" does not exist (SQLSTATE 42P01)')
  assert.match(late, /no answer within 300ms|statement timeout/)
  assert.match(wrong, 'password authentication failed for user "postgres"')
  assert.match(refused, 'connection refused')
  for (const { message } of [good, ...results]) {
    assert.not.match(message, password)
    assert.not.match(message, 'wrong-password')
  }
  const active = "select 1 from pg_stat_activity where query like '%pg_sleep(300)%' and pid <> pg_backend_pid()"
  await until(async () => (await server.query(active)).length === 0, {
    deadline: 30_000,
    what: "the probe's query to end",
  })
  const none = await attempt({ type: 'postgres' })
  assert.is(none.message, 'no database address is known for api: give the probe a url')
})

test.run()

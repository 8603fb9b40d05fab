import { spawn } from 'node:child_process'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { terminateSessions } from '../../../lib/database/admin.ts'
import { endServer } from '../../../lib/database/engine/running.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { findProgram } from '../../../lib/system/programs.ts'
import { freePort, killGroup, skip, temporaryFolder, until } from '../../support/index.ts'
import { isMigrator, runMigrator, startMigrator } from '../support/child.ts'
import { MigrationFolder, migrate } from '../support/migrator.ts'
import { failureOf, startServer, type TestServer } from '../support/server.ts'

let server: TestServer

const sleeping = (folder: MigrationFolder) =>
  until(
    async () =>
      (
        await folder.query(
          "select 1 from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep' and pid <> pg_backend_pid()",
        )
      ).length > 0,
    { deadline: 30_000, what: 'the migration to run' },
  )

const slow = 'create table a (b int);\nselect pg_sleep(300);'
const quick = 'create table a (b int);\nselect 1;'

async function killedMidway() {
  const folder = await MigrationFolder.make(server)
  folder.write({ '1_a.sql': slow })
  const migrator = startMigrator(import.meta.url, folder.target)
  await sleeping(folder)
  migrator.child.kill('SIGKILL')
  assert.is((await migrator.ended).signal, 'SIGKILL')
  folder.write({ '1_a.sql': quick })
  // The server ends the killed one's statement by itself, and with it the lock.
  assert.equal(unwrap(await folder.up()), ['1'])
  assert.equal(await folder.applied(), ['1'])
}

async function sessionEnded() {
  const folder = await MigrationFolder.make(server)
  folder.write({ '1_a.sql': slow })
  const running = folder.up()
  await sleeping(folder)
  await server.connect((admin) => terminateSessions(admin, 'vital-ops/test-run'), folder.database)
  const failure = failureOf(await running)
  assert.is(failure.code, 'database-connection-lost')
  folder.write({ '1_a.sql': quick })
  assert.equal(unwrap(await folder.up()), ['1'])
}

async function serverKilled() {
  let own = await startServer()
  const folder = await MigrationFolder.make(own)
  folder.write({ '1_a.sql': 'create table first (b int)', '2_b.sql': slow })
  const running = folder.up()
  await sleeping(folder)
  process.kill(own.process.pid, 'SIGKILL')
  assert.is(failureOf(await running).code, 'database-connection-lost')
  assert.ok(await endServer(own.dataFolder))
  own = await startServer(own.engine, own.folder)
  folder.write({ '2_b.sql': quick })
  const target = { ...folder.target, port: own.port }
  assert.equal(unwrap(await migrate(target)), ['2'])
  await own.dispose()
}

async function pooler() {
  const program = findProgram('pgbouncer', { PATH: `${process.env.PATH}:/usr/sbin` })
  if (program === undefined) skip('pgbouncer is not installed')
  const folder = await MigrationFolder.make(server)
  folder.write({ '1_a.sql': quick })
  const own = temporaryFolder()
  const port = await freePort()
  const { password } = folder.target
  const users = join(own, 'users')
  writeFileSync(users, `"postgres" "${password}"\n`)
  chmodSync(users, 0o644)
  const ini = join(own, 'pgbouncer.ini')
  writeFileSync(
    ini,
    `[databases]\n* = host=127.0.0.1 port=${server.port}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=${port}\nauth_type=scram-sha-256\nauth_file=${users}\npool_mode=transaction\nunix_socket_dir=\n`,
  )
  const user = server.engine.user
  if (user) for (const file of [users, ini]) chownSync(file, user.uid, user.gid)
  const child = spawn(program, [ini], {
    stdio: 'ignore',
    detached: true,
    ...(user && { uid: user.uid, gid: user.gid }),
  })
  try {
    const failure = await until(
      async () => {
        const result = await migrate({ ...folder.target, port })
        if (result.ok || result.failures[0].code === 'database-unreachable') return undefined
        return result.failures[0]
      },
      { deadline: 30_000, what: 'pgbouncer to answer' },
    )
    assert.equal([failure.code, failure.outcome], ['pooler-between', 'unchanged'], JSON.stringify(failure))
    assert.match(failure.next?.[0] ?? '', 'to the server itself')
    assert.equal(await folder.query("select 1 from pg_class where relname = 'a'"), [])
  } finally {
    killGroup(child.pid, 'SIGKILL')
  }
}

if (isMigrator) await runMigrator()
else {
  test.before(async () => {
    server = await startServer()
  })
  test.after(() => server?.dispose())
  test('kill -9 of the migrator in the middle: nothing of the migration stays, the next run applies it', killedMidway)
  test('its session ended by the administrator: a failure that says so, and the next run applies it', sessionEnded)
  test('kill -9 of the server in the middle: after its recovery the next run goes on', serverKilled)
  test('PgBouncer in transaction mode is recognised and refused', pooler)
  test.run()
}

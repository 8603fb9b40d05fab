import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { clientFolderVariable } from '../../lib/backup/clients.ts'
import { restoreDatabase } from '../../lib/backup/restore/database.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { s3Target } from '../../lib/backup/targets/s3.ts'
import type { OpData } from '../../lib/model/op.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { repository, run, skip, temporaryFolder, timeLimit, until } from '../support/index.ts'
import { killTree } from '../support/processes.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { type Bench, codeOf, makeBench } from './support.ts'

timeLimit(280_000)
let server: TestServer
let s3: S3Server
let bench: Bench
let database: string
const { signal } = new AbortController()
const context = { run: 'test-run', signal, output: () => {}, secrets: { find: () => undefined } }
/** PostgreSQL's clients of Debian's next release, where `.ci/run` has put them. */
const nextClients = join(repository, '.cache/ci/postgresql-next')

test.before(async () => {
  server = await startServer(await testEngine(15, 'system'), undefined, { durable: true })
  s3 = await startS3()
  database = await server.database()
  await server.query(
    `create table a as select i, repeat(md5(i::text), 20) as t from generate_series(1, 120000) i;
     create table b as select i, md5((-i)::text) as t from generate_series(1, 200000) i; create index on b (t);
     create table first_of_all (n int primary key); insert into first_of_all values (1)`,
    [],
    database,
  )
  bench = await makeBench(server, database, 'logical')
})
test.after(async () => {
  // It may be another process by now.
  await server?.process.stop({ signal: 'SIGQUIT', graceMs: 10_000 })
  await server?.dispose()
  await s3?.stop()
})

const entries = async () => (await readCatalogue([folderTarget(bench.target)], bench.ports)).entries
const isDumping = (what: string) =>
  until(
    async () =>
      (await server.query(`select 1 from pg_stat_activity where datname = '${database}' and query like 'COPY%'`))
        .length > 0,
    { what, deadline: 60_000 },
  )
const restoreData = (backup: { number: number; digest: string }): OpData<'restore-database'> => ({
  backup: backup.number,
  manifest: backup.digest,
  targets: [{ type: 'folder', path: bench.target }],
  identity: null,
  service: 'postgres',
  version: 15,
  method: 'logical',
  database,
  into: 'restored',
  tables: null,
  roles: {},
})
const isRestoring = (what: string) =>
  until(
    async () =>
      (
        await server.query(
          `select 1 from pg_stat_activity where datname = 'restored' and query ~* '^(copy|create index)'`,
        )
      ).length > 0,
    { what, deadline: 60_000 },
  )
/** The server's own, as a crash ends it, and once more on the same data. */
async function crash(): Promise<void> {
  await killTree(server.process.pid)
}

test('an S3 server that is killed in the middle of an upload: the other target has it, whole and verified', async () => {
  const bucket = s3Target(s3.bucket, 'killed/', { attempts: 2, delayMs: 5, timeoutMs: 20_000 })
  const taking = bench.take({ targets: [bucket, folderTarget(bench.target)] })
  await isDumping('the upload to begin')
  await s3.crash()
  const { manifest, missed } = await taking
  assert.equal(
    missed.map(({ target, failure }) => [target, failure.code]),
    [['s3://backups/killed/', 'target-failed']],
  )
  assert.equal((await bench.drill(manifest.number)).differences, [])
  await s3.restart()
  // There is no manifest, so what it has is no backup.
  assert.equal(
    (await readCatalogue([bucket], bench.ports)).entries.filter(({ state }) => state === 'complete'),
    [],
  )
})

test('an S3 server that comes back within the patience of an upload: it goes on where it was', async () => {
  const bucket = s3Target(s3.bucket, 'again/', { attempts: 400, delayMs: 20, timeoutMs: 20_000 })
  let asked = 0
  async function* content() {
    for (let at = 0; at < 80; at++) {
      if (at === 45) {
        await s3.crash()
        void s3.restart()
      }
      asked += 1
      yield Buffer.alloc(1024 * 1024, at + 1)
    }
  }
  await bucket.write('x', content(), signal)
  // Nothing was asked for twice: what had arrived was kept.
  assert.is(asked, 80)
  let bytes = 0
  for await (const chunk of (await bucket.read('x')) ?? []) {
    const expected = Math.floor(bytes / (1024 * 1024)) + 1
    assert.is((chunk as Buffer)[0], expected)
    bytes += (chunk as Buffer).length
  }
  assert.is(bytes, 80 * 1024 * 1024)
})

test('a client of the next release dumps the server, and the drill restores into one of its own release', async () => {
  if (!existsSync(join(nextClients, 'pg_dump')))
    skip("clients of Debian's next release are not here", { allowedOnCi: true })
  process.env[clientFolderVariable] = nextClients
  try {
    const { manifest } = await bench.take({ sources: [{ ...bench.source, version: 17 } as typeof bench.source] })
    const [source] = manifest.sources
    assert.match(source?.client ?? '', /^17\./)
    assert.match(source?.server ?? '', /^15\./)
    const report = await bench.drill(manifest.number)
    assert.equal(report.differences, [])
    assert.match(report.on, 'PostgreSQL 15')
    const { message } = await restoreDatabase(bench.ports, { ...restoreData(manifest), into: 'by_next' }, context)
    assert.match(message ?? '', '3 tables restored')
  } finally {
    delete process.env[clientFolderVariable]
  }
})

test('a full disk while a restore brings its dump there: a failure, and the database is as it was', async () => {
  if (process.getuid?.() !== 0) skip('only root can make a small disk')
  const small = temporaryFolder()
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=2m,mode=711', 'tmpfs', small])
  if (mounted.status !== 0) skip('no tmpfs can be mounted here')
  try {
    const { manifest } = await bench.take()
    const ports = { ...bench.ports, scratchFolder: async () => small }
    assert.is(await codeOf(() => restoreDatabase(ports, restoreData(manifest), context)), 'disk-full')
    assert.equal(await server.query(`select 1 from pg_database where datname = 'restored'`), [])
    assert.is((await server.query('select 1 from first_of_all', [], database)).length, 1)
  } finally {
    await run(['umount', small])
  }
})

test('a connection that is lost in the middle of a restore: a failure, and the next attempt begins anew', async () => {
  const { manifest } = await bench.take()
  const failing = codeOf(() => restoreDatabase(bench.ports, restoreData(manifest), context))
  await isRestoring('the restore to copy')
  await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'restored'`)
  // Its own connections bring the rows, and a client the rest.
  assert.ok(['client-failed', 'database-connection-lost'].includes((await failing) ?? 'none'))
  await restoreDatabase(bench.ports, restoreData(manifest), context)
  await server.query('drop database restored')
})

test('a server that is killed in the middle of a backup, and of a restore: failures; nothing old is lost', async () => {
  const before = await entries()
  const backup = codeOf(() => bench.take())
  await isDumping('the dump to be cut off')
  await crash()
  assert.ok(['client-failed', 'database-connection-lost', 'database-unreachable'].includes((await backup) ?? 'none'))
  assert.equal(
    (await entries()).map(({ number }) => number),
    before.map(({ number }) => number),
  )
  await again()
  const { manifest } = await bench.take()
  const restore = codeOf(() => restoreDatabase(bench.ports, restoreData(manifest), context))
  await isRestoring('the restore to be cut off')
  await crash()
  assert.ok(['client-failed', 'database-connection-lost', 'database-unreachable'].includes((await restore) ?? 'none'))
  await again()
  assert.is((await server.query('select 1 from a', [], database)).length, 120_000)
  await restoreDatabase(bench.ports, restoreData(manifest), context)
  assert.is((await server.query('select 1 from a', [], 'restored')).length, 120_000)
})

/** Starts the server again after a crash, on the same port. */
async function again(): Promise<void> {
  const { engineProcess } = await import('../../lib/database/engine/server.ts')
  const { unwrap } = await import('../../lib/model/failure.ts')
  const { startProcess } = await import('../../lib/system/processes.ts')
  const how = unwrap(await engineProcess(server.engine, { dataFolder: server.dataFolder, port: server.port }))
  server.process = unwrap(await startProcess(how))
  await until(
    () =>
      server.query('select 1').then(
        () => true,
        () => false,
      ),
    { what: 'the server', deadline: 60_000 },
  )
}

test.run()

import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeIdentity } from '../../lib/backup/age.ts'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { openBackup } from '../../lib/backup/open.ts'
import { restoreToTime } from '../../lib/backup/restore/point-in-time.ts'
import { inFolder } from '../../lib/backup/scratch.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import type { Target } from '../../lib/backup/targets/target.ts'
import { listStreams, readWalManifest, streamPrefix } from '../../lib/backup/wal/archive.ts'
import { followWal } from '../../lib/backup/wal/coverage.ts'
import { findWalPrograms, walProgramFor } from '../../lib/backup/wal/program.ts'
import { pruneWal } from '../../lib/backup/wal/prune.ts'
import { receiveWal } from '../../lib/backup/wal/receiver.ts'
import { withDatabase } from '../../lib/database/connect.ts'
import { adminUser } from '../../lib/database/engine/cluster.ts'
import type { BaseWal } from '../../lib/model/backup.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { processesWith, skip, temporaryFolder, timeLimit, until } from '../support/index.ts'
import { type Bench, codeOf, makeBench } from './support.ts'

timeLimit(280_000)

let server: TestServer
let bench: Bench
let database: string
let program: string
let spool: string
let keys: { identity: string; recipient: string }
let receiving: { abort: AbortController; done: Promise<void>; lines: string[] } | undefined

test.before(async () => {
  server = await startServer(await testEngine(15, 'system'))
  const found = walProgramFor(await findWalPrograms(), 15)
  if (!found) skip('pg_receivewal is not installed')
  program = found.path
  database = await server.database()
  await server.query(`create table a (n int primary key, t text)`, [], database)
  bench = await makeBench(server, database, 'physical')
  spool = join(temporaryFolder(), 'spool')
  keys = await makeIdentity()
})
test.after(async () => {
  await end()
  await server?.dispose()
})

function begin(targets: Target[] = [target()]): void {
  const abort = new AbortController()
  const lines: string[] = []
  const done = receiveWal(
    {
      owner: bench.ports,
      service: 'postgres',
      targets,
      recipients: [keys.recipient],
      address: {
        host: '127.0.0.1',
        port: server.port,
        database: 'postgres',
        user: adminUser,
        password: server.password,
        applicationName: 'vital-ops/test-wal',
      },
      program,
      spool,
      everyMs: 500,
      keepBytes: 1e9,
      output: (line) => lines.push(line),
    },
    abort.signal,
  )
  receiving = { abort, done, lines }
}

async function end(): Promise<void> {
  receiving?.abort.abort()
  await receiving?.done
  receiving = undefined
}

const target = () => folderTarget(bench.target)
const streams = async () => [...(await listStreams(target(), bench.ports))].sort(([a], [b]) => (a < b ? -1 : 1))
const baseOf = async (number: number): Promise<BaseWal> => {
  const { entries } = await readCatalogue([target()], bench.ports)
  return entries.find((entry) => entry.number === number)?.manifest?.sources[0]?.wal as BaseWal
}
/** The moment up to which the run behind a backup goes. */
async function reach(number: number): Promise<string> {
  const base = await baseOf(number)
  const listed = new Map(await streams()).get(base.stream)
  const { segments, partial } = followWal(base, listed ?? { segments: [], partials: [] })
  for (const item of [...segments, ...(partial ? [partial] : [])].reverse()) {
    const manifest = await readWalManifest(target(), bench.ports, base.stream, item)
    if (manifest?.until) return manifest.until
  }
  return ''
}
const serverTime = async (): Promise<string> => {
  const [row] = await server.query('select clock_timestamp() as at')
  return (row as { at: Date }).at.toISOString()
}
const reached = (number: number, time: string) =>
  until(async () => (await reach(number)) > time, {
    what: `the archive to reach ${time}`,
    deadline: 90_000,
    every: 200,
  }).catch(async (error: Error) => {
    const status = await readFile(join(spool, 'status.json'), 'utf8').catch(() => '')
    const { execSync } = await import('node:child_process')
    throw new Error(
      `${error.message}; it is at ${await reach(number)}\n${receiving?.lines.join('\n')}\n${status}\n${execSync(`ls -lR ${spool} ${bench.target} | tail -80`)}`,
    )
  })

/** Rows of the tables as they were at a time. */
async function rowsAt(number: number, time: string): Promise<Record<string, unknown>[]> {
  const base = await baseOf(number)
  const { entries } = await readCatalogue([target()], bench.ports)
  const manifest = entries.find((entry) => entry.number === number)?.manifest?.digest ?? ''
  const opened = await openBackup(
    bench.ports,
    { backup: number, manifest, targets: [{ type: 'folder', path: bench.target }], identity: null },
    { signal: new AbortController().signal, secrets: { find: () => undefined } },
  )
  return inFolder(join(await bench.ports.scratchFolder(), 'point'), async (folder) => {
    const scratch = await restoreToTime(
      bench.ports,
      { ...opened, identities: [keys.identity] },
      { time, stream: base.stream, segmentBytes: base.segmentBytes },
      { service: 'postgres', engine: server.engine, dataFolder: join(folder, 'data'), folder, durable: false },
    )
    try {
      return unwrap(
        await withDatabase({ ...scratch.server, database, applicationName: 'test' }, async (connection) =>
          ok((await connection.query('select t, count(*)::int as n from a group by t order by t')).rows),
        ),
      )
    } finally {
      await scratch.stop()
    }
  })
}

const add = (from: number, to: number, text: string) =>
  server.query(`insert into a select i, '${text}' from generate_series(${from}, ${to}) i`, [], database)

test('rows before and after a time, a table dropped: restored to just before, nothing later, nothing missing', async () => {
  begin()
  await until(async () => (await server.query('select 1 from pg_replication_slots where active')).length === 1, {
    what: 'the slot to be read from',
    deadline: 30_000,
  })
  const { manifest } = await bench.take()
  await add(1, 100, 'before')
  // Several files of WAL.
  await server.query(
    'create table filler as select repeat(md5(i::text), 30) as t from generate_series(1, 40000) i',
    [],
    database,
  )
  await add(101, 200, 'also before')
  const time = await serverTime()
  await add(201, 300, 'after')
  await server.query('drop table a', [], database)
  await reached(manifest.number, await serverTime())
  assert.equal(await rowsAt(manifest.number, time), [
    { t: 'also before', n: 100 },
    { t: 'before', n: 100 },
  ])
  await server.query('create table a (n int primary key, t text)', [], database)
})

test('pg_receivewal killed, then the receiver itself: it goes on, without a gap', async () => {
  const { manifest } = await bench.take()
  const pids = async () =>
    (await processesWith(spool)).filter(({ command }) => command.startsWith(program)).map(({ pid }) => pid)
  for (let round = 0; round < 3; round++) {
    const pid = await until(async () => (await pids())[0], { what: 'pg_receivewal to run', deadline: 60_000 })
    await add(1000 * round, 1000 * round + 99, `round ${round}`)
    process.kill(pid, 'SIGKILL')
    await server.query('select pg_switch_wal()')
    await until(async () => !(await pids()).includes(pid), { what: 'it to be gone', deadline: 30_000 })
  }
  await end()
  await add(5000, 5099, 'nobody receives')
  await server.query('select pg_switch_wal()')
  begin()
  const time = await serverTime()
  await reached(manifest.number, time)
  assert.equal(
    (await rowsAt(manifest.number, time)).map(({ t }) => t),
    ['nobody receives', 'round 0', 'round 1', 'round 2'],
  )
})

test('pg_receivewal killed while it was making room for a file: it goes on', async () => {
  await end()
  const { manifest } = await bench.take()
  const base = await baseOf(manifest.number)
  const folder = join(spool, base.stream)
  const partial = (await readdir(folder)).find((name) => name.endsWith('.partial')) ?? ''
  assert.ok(partial)
  // As it is left then: no bytes but zeros, and not as many as a file has.
  await truncate(join(folder, partial), 0)
  await truncate(join(folder, partial), 1_000_000)
  begin()
  await reached(manifest.number, await serverTime())
})

test('a file that is missing is found, and a restore beyond it fails instead of coming to something else', async () => {
  const { manifest } = await bench.take()
  const base = await baseOf(manifest.number)
  for (let round = 0; round < 3; round++) {
    await add(10_000 + round, 10_000 + round, 'gap')
    await server.query('select pg_switch_wal()')
  }
  const time = await serverTime()
  await reached(manifest.number, time)
  const listed = async () => new Map(await streams()).get(base.stream) ?? { segments: [], partials: [] }
  const whole = followWal(base, await listed())
  assert.is(whole.gap, undefined)
  assert.ok(whole.segments.length >= 3)
  const [, lost = ''] = whole.segments
  await target().remove(`${streamPrefix(bench.ports, base.stream)}${lost}/`)
  const broken = followWal(base, await listed())
  assert.is(broken.gap, lost)
  assert.is(broken.segments.length, 1)
  assert.is(await codeOf(() => rowsAt(manifest.number, time)), 'scratch-not-started')
})

test('a target that fails does not hold up the others, and gets all of it later; nothing is removed here before', async () => {
  await end()
  const other = folderTarget(join(temporaryFolder(), 'other'))
  let broken = true
  const failing: Target = {
    ...other,
    async write(...given) {
      if (broken) throw new FailureError({ code: 'disk-full', message: 'the disk is full' })
      return other.write(...given)
    },
  }
  begin([failing, target()])
  const { manifest } = await bench.take()
  for (let round = 0; round < 2; round++) {
    await add(20_000 + round, 20_000 + round, 'two targets')
    await server.query('select pg_switch_wal()')
  }
  await reached(manifest.number, await serverTime())
  const base = await baseOf(manifest.number)
  const of = async (one: Target) => (await listStreams(one, bench.ports)).get(base.stream)?.segments ?? []
  assert.equal(await of(other), [])
  const wanted = followWal(base, { segments: await of(target()), partials: [] }).segments
  assert.ok(wanted.length >= 2)
  broken = false
  const missing = async () => {
    const got = await of(other)
    return wanted.filter((name) => !got.includes(name))
  }
  await until(async () => (await missing()).length === 0, {
    what: 'the other target to have it all',
    deadline: 120_000,
    every: 200,
  })
  assert.equal(await missing(), [])
})

test('what no backup needs is removed, and what one needs is not, whatever the plan says', async () => {
  const { entries } = await readCatalogue([target()], bench.ports)
  const bases = entries.flatMap(({ manifest }) => manifest?.sources.flatMap(({ wal }) => wal ?? []) ?? [])
  const [oldest] = bases.map(({ first }) => first).sort()
  const stream = bases[0]?.stream ?? ''
  const segments = async () => (await listStreams(target(), bench.ports)).get(stream)?.segments ?? []
  const before = await segments()
  assert.ok(
    before.some((name) => name < (oldest ?? '')),
    'there is something to remove',
  )
  const prune = async (to: string | null) => {
    const op = {
      id: 'prune-wal',
      kind: 'prune-wal' as const,
      after: [],
      cause: '',
      changes: true,
      timeoutMs: 60_000,
      data: {
        streams: [{ stream, before: to }] as [{ stream: string; before: string | null }],
        targets: [{ type: 'folder' as const, path: bench.target }] as [{ type: 'folder'; path: string }],
      },
    }
    const context = {
      signal: new AbortController().signal,
      run: 'r',
      secrets: { find: () => undefined },
      output: () => {},
    }
    return unwrap(
      await pruneWal(bench.ports).run(op, context as unknown as Parameters<ReturnType<typeof pruneWal>['run']>[1]),
    )
  }
  // All of it, says the plan: backups need it.
  await prune(null)
  assert.equal(await segments(), before)
  await prune('FFFFFFFFFFFFFFFFFFFFFFFF')
  const left = await segments()
  assert.equal(
    left,
    before.filter((name) => name >= (oldest ?? '')),
  )
  assert.ok(left.length > 0)
})

test('a slot that has lost its WAL: another stream begins', async () => {
  await end()
  const before = (await streams()).length
  await server.query(`alter system set max_slot_wal_keep_size = '1MB'`)
  await server.query('select pg_reload_conf()')
  for (let round = 0; round < 6; round++) {
    await server.query('create table if not exists grow (t text)', [], database)
    await server.query('insert into grow select md5(i::text) from generate_series(1, 1000) i', [], database)
    await server.query('select pg_switch_wal()')
  }
  await server.query('checkpoint')
  await until(
    async () => {
      await server.query('checkpoint')
      return (await server.query(`select 1 from pg_replication_slots where wal_status = 'lost'`)).length === 1
    },
    { what: 'the slot to be lost', deadline: 60_000 },
  )
  begin()
  await until(async () => (await streams()).length === before + 1, { what: 'another stream', deadline: 60_000 })
  assert.ok(
    receiving?.lines.some((line) => /has thrown away WAL/.test(line)),
    receiving?.lines.join('\n'),
  )
  // It would end a backup that takes longer, too.
  await server.query('alter system reset max_slot_wal_keep_size')
  await server.query('select pg_reload_conf()')
  const { manifest } = await bench.take()
  await server.query('create table later (n int)', [], database)
  await reached(manifest.number, await serverTime())
})

test.run()

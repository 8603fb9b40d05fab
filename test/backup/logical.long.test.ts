import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { ok } from '../../lib/model/failure.ts'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { note, processesWith, run, skip, temporaryFolder, timeLimit, until } from '../support/index.ts'
import { everyKind } from './every-kind.ts'
import { type Bench, codeOf, makeBench } from './support.ts'

timeLimit(240_000)
let server: TestServer
let bench: Bench
let database: string

test.before(async () => {
  server = await startServer(await testEngine(15, 'system'))
  database = await server.database()
  await server.query(everyKind, [], database)
  await server.query(
    `alter database ${database} set work_mem = '8MB'; alter database ${database} set search_path = app, public`,
  )
  await server.query(`grant connect on database ${database} to everykind_reader`)
  bench = await makeBench(server, database, 'logical')
})
test.after(() => server?.dispose())

const filesOf = (number: number) => {
  const folder = join(bench.target, 'test0000/dev', String(number).padStart(6, '0'))
  return {
    folder,
    names: readdirSync(folder).sort(),
    path: (part: string) => join(folder, readdirSync(folder).find((name) => name.includes(part)) ?? ''),
  }
}
const entries = async () => (await readCatalogue([folderTarget(bench.target)], bench.ports)).entries

test('a database with every kind of object is backed up, restored into a scratch server and compared', async () => {
  const { manifest, missed } = await bench.take()
  assert.equal(missed, [])
  assert.equal(
    [manifest.number, manifest.sources[0]?.method, manifest.sources[0]?.server?.split('.')[0]],
    [1, 'logical', '15'],
  )
  assert.equal(
    filesOf(1).names,
    ['claim.json', 'manifest.json', 'postgres.contents.json.gz', 'postgres.dump.gz', 'postgres.globals.sql.gz'].map(
      (name) =>
        name.endsWith('.gz') ? name.replace('.gz', manifest.files[0]?.codec === 'zstd' ? '.zst' : '.gz') : name,
    ),
  )
  for (const name of filesOf(1).names) assert.is(statSync(join(filesOf(1).folder, name)).mode & 0o077, 0, name)
  const report = await bench.drill(1)
  assert.equal(report.differences, [])
  const { tables = 0, objects = 0, extensions, sequences } = report.compared
  assert.equal([extensions, sequences, report.compared['large objects']], [4, 4, 3])
  assert.ok(tables >= 10 && objects > 120, JSON.stringify(report.compared))
  note(`${objects} objects and ${tables} tables compared`)
})

test('a drill finds each thing that is not as it was', async () => {
  // The dump is of the changed database, what was written down is of the one before.
  const { manifest } = await bench.take()
  const before = filesOf(manifest.number)
  await server.query(
    `update app.plain set note = 'other' where id = 7; insert into app.parted values ('2025-01-02', 1); delete from app.child;
     drop policy plain_read on app.plain; alter table app.parent owner to everykind_owner; select nextval('app.counter');
     drop index app.plain_expression; create table app.more (); select lo_create(0); alter sequence app.untouched increment 5`,
    [],
    database,
  )
  const after = (await bench.take()).manifest
  const { writeMixed } = await import('./mixed.ts')
  const mixed = await writeMixed(bench, { contents: manifest.number, rest: after.number })
  const report = await bench.drill(mixed)
  const found = report.differences.join('\n')
  for (const expected of [
    'table app.plain has its 2000 rows, and not the same ones',
    'table app.parted_2025 has 101 rows, and had 100',
    'table app.child has 0 rows, and had 1',
    'policy plain_read on app.plain is missing',
    'relation app.parent belongs to everykind_owner, and belonged to postgres',
    'index app.plain_expression is missing',
    'table app.more was not in the backup',
    'there are 4 large objects, and were 3',
    'relation app.untouched is defined differently',
    'sequence app.counter stands at',
  ]) {
    assert.match(found, expected)
  }
  assert.is(report.ok, false)
  assert.ok(before.names.length > 0)
})

test('faults: a cut, a flipped bit and a missing file are found by check and by drill, none is restored', async () => {
  const { manifest } = await bench.take()
  const { path } = filesOf(manifest.number)
  const dump = path('.dump')
  const whole = readFileSync(dump)
  truncateSync(dump, whole.length - 1)
  assert.is(await codeOf(() => bench.drill(manifest.number)), 'backup-damaged')
  truncateSync(dump, Math.floor(whole.length / 2))
  assert.is(await codeOf(() => bench.drill(manifest.number)), 'backup-damaged')
  for (const at of [20, Math.floor(whole.length / 3), whole.length - 9]) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] as number) ^ 4
    writeFileSync(dump, changed)
    assert.is(await codeOf(() => bench.drill(manifest.number)), 'backup-damaged', `bit at ${at}`)
  }
  writeFileSync(dump, whole)
  const text = readFileSync(path('manifest.json'), 'utf8')
  writeFileSync(path('manifest.json'), text.replace('"environment": "dev"', '"environment": "dew"'))
  assert.equal((await entries()).find(({ number }) => number === manifest.number)?.state, 'damaged')
  writeFileSync(path('manifest.json'), text)
  assert.equal((await bench.drill(manifest.number)).differences.length, 0)
})

test('pg_dump killed in the middle, its server session ended, the command interrupted: no backup, nothing left', async () => {
  const big = await server.database()
  await server.query(
    `create table a as select i, repeat(md5(i::text), 30) as t from generate_series(1, 150000) i`,
    [],
    big,
  )
  const slow = await makeBench(server, big, 'logical')
  const dumping = (what: string) =>
    until(
      async () =>
        (
          await server.query(
            `select 1 from pg_stat_activity where datname = '${big}' and query like 'COPY%' and state = 'active'`,
          )
        ).length > 0,
      { what, deadline: 30_000 },
    )
  const none = async () => assert.equal((await readCatalogue([folderTarget(slow.target)], slow.ports)).entries, [])

  const killed = codeOf(() => slow.take())
  await dumping('the dump to be killed')
  for (const { pid, command } of await processesWith(big)) if (command.includes('pg_dump')) process.kill(pid, 'SIGKILL')
  const killedCode = await killed

  const cut = codeOf(() => slow.take())
  await dumping('the session to be ended')
  await server.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${big}' and query like 'COPY%'`,
  )
  assert.is(await cut, 'client-failed')
  await none()

  const abort = new AbortController()
  const stopped = codeOf(() => slow.take({ signal: abort.signal })).catch((error: Error) => error.name)
  await dumping('the dump to be interrupted')
  abort.abort()
  assert.ok(['aborted', 'AbortError'].includes((await stopped) ?? ''))
  await none()
  assert.ok(killedCode === 'client-failed' || killedCode === undefined, killedCode)
  const left = await server.query(`select 1 from pg_stat_activity where datname = '${big}'`)
  assert.equal(left, [])
})

test('encrypted: only public keys are here, each recipient alone can read it, nobody else can', async () => {
  const { makeIdentity } = await import('../../lib/backup/age.ts')
  const [one, two, other] = await Promise.all([makeIdentity(), makeIdentity(), makeIdentity()])
  const { manifest } = await bench.take({ recipients: [one.recipient, two.recipient] })
  assert.ok(manifest.files.every(({ encrypted }) => encrypted))
  for (const name of filesOf(manifest.number).names) {
    const bytes = readFileSync(join(filesOf(manifest.number).folder, name))
    if (name.endsWith('.age')) assert.is(bytes.subarray(0, 21).toString(), 'age-encryption.org/v1')
    assert.not.match(bytes.toString('latin1'), /plain_partial|everykind/)
  }
  const keys = temporaryFolder()
  for (const [name, { identity }] of Object.entries({ one, two, other })) {
    writeFileSync(join(keys, name), `# a key\n${identity}\n`, { mode: 0o600 })
  }
  assert.is((await bench.drill(manifest.number, join(keys, 'one'))).ok, true)
  assert.is((await bench.drill(manifest.number, join(keys, 'two'))).ok, true)
  assert.is(await codeOf(() => bench.drill(manifest.number, join(keys, 'other'))), 'backup-key-missing')
  assert.is(await codeOf(() => bench.drill(manifest.number)), 'backup-key-missing')
})

test('a target that fails does not spoil the others', async () => {
  const broken = join(temporaryFolder(), 'file')
  writeFileSync(broken, '')
  const { manifest, missed } = await bench.take({ targets: [folderTarget(broken), folderTarget(bench.target)] })
  assert.equal(
    missed.map(({ failure }) => failure.code),
    ['file-not-found'],
  )
  assert.is((await bench.drill(manifest.number)).ok, true)
})

test('a full disk: no backup, nothing left, and another target has it all the same', async () => {
  if (process.getuid?.() !== 0) skip('only root can make a small disk')
  const small = temporaryFolder()
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', small])
  if (mounted.status !== 0) skip('no tmpfs can be mounted here')
  try {
    const filling = await server.database()
    await server.query(`create table a as select md5(i::text) as t from generate_series(1, 100000) i`, [], filling)
    const full = await makeBench(server, filling, 'logical')
    assert.is(await codeOf(() => full.take({ targets: [folderTarget(small)] })), 'disk-full')
    assert.equal(await folderTarget(small).list(''), [])
    const { manifest, missed } = await full.take({ targets: [folderTarget(small), folderTarget(full.target)] })
    assert.equal(
      missed.map(({ failure }) => failure.code),
      ['disk-full'],
    )
    assert.equal((await full.drill(manifest.number)).differences, [])
  } finally {
    await run(['umount', small])
  }
})

test('a role becomes another one: what it owns and may do goes with it, and it is gone', async () => {
  const { manifest } = await bench.take()
  const other = await startServer(server.engine)
  try {
    await other.query('create role newcomer nologin')
    const { restoreDatabase } = await import('../../lib/backup/restore/database.ts')
    const ports = {
      ...bench.ports,
      administrator: async () =>
        ok({ host: '127.0.0.1', port: other.port, user: 'postgres', password: other.password }),
    }
    const { signal } = new AbortController()
    const data = {
      backup: manifest.number,
      manifest: manifest.digest,
      targets: [{ type: 'folder' as const, path: bench.target }] as [{ type: 'folder'; path: string }],
      identity: null,
      service: 'postgres',
      version: 15,
      method: 'logical' as const,
      database,
      into: 'copied',
      tables: null,
      roles: { everykind_owner: 'newcomer' },
    }
    await restoreDatabase(ports, data, { signal, run: 'r', secrets: { find: () => undefined }, output: () => {} })
    const owner = await other.query(
      `select pg_get_userbyid(relowner)::text as owner from pg_class where oid = 'app.plain'::regclass`,
      [],
      'copied',
    )
    assert.equal(owner, [{ owner: 'newcomer' }])
    const roles = await other.query(`select rolname::text as name from pg_roles where rolname like 'everykind%'`)
    assert.equal(roles, [{ name: 'everykind_reader' }])
    assert.is(
      await codeOf(() =>
        restoreDatabase(
          ports,
          { ...data, into: 'copied2', roles: { everykind_owner: 'nobody' } },
          { signal, run: 'r', secrets: { find: () => undefined }, output: () => {} },
        ),
      ),
      'role-missing',
    )
  } finally {
    await other.dispose()
  }
})

test('several at once get numbers of their own', async () => {
  const taken = await Promise.all([bench.take(), bench.take(), bench.take()])
  assert.is(new Set(taken.map(({ manifest }) => manifest.number)).size, 3)
  const known = (await entries()).filter(({ state }) => state === 'complete').map(({ number }) => number)
  for (const { manifest } of taken) assert.ok(known.includes(manifest.number))
})

test('what is written while a backup is taken is in the dump and in the counts, or in neither', async () => {
  const busy = await server.database()
  await server.query(
    'create table a (n int); create table b (n int); insert into a select 1; insert into b select 1',
    [],
    busy,
  )
  const under = await makeBench(server, busy, 'logical')
  let writing = true
  const writer = server.connect(async (connection) => {
    for (let n = 0; writing; n++)
      await connection.query(`begin; insert into a values (${n}); insert into b values (${n}); commit`)
  }, busy)
  const { manifest } = await under.take()
  writing = false
  await writer
  const report = await under.drill(manifest.number)
  assert.equal(report.differences, [])
})

test.run()

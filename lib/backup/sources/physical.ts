import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Connection, type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import type { BackupFile, BaseWal, ManifestSource } from '../../model/backup.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import { bestCodec } from '../codecs.ts'
import { type Contents, listTables, prepareReading, readDefinitions, readSequences, readTables } from '../contents.ts'
import { storeFile } from '../store.ts'
import { archive, type Selector } from '../tar.ts'
import { observeWal } from '../wal/slot.ts'
import { type Taking, textStream } from './logical.ts'

/** Folders whose content belongs to the running server and not to the data (PostgreSQL's documentation, 26.3.4). */
const emptied = new Set(
  ['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'].map(
    (name) => `data/${name}`,
  ),
)
const left =
  /^data\/(postmaster\.(pid|opts)|recovery\.signal|standby\.signal|backup_label(\.old)?|tablespace_map(\.old)?)$/

const select: Selector = (name) => {
  if (emptied.has(name)) return 'empty'
  return left.test(name) || /(^|\/)(pgsql_tmp[^/]*|pg_internal\.init[^/]*)$/.test(name) ? 'skip' : 'take'
}

/**
 * Takes a whole cluster by the low-level backup interface: its files between `pg_backup_start` and `pg_backup_stop`, then the WAL up to a restore point that
 * is at one with the snapshot in which tables are counted. A temporary replication slot keeps that WAL. Throws `FailureError`.
 * @param address of the database whose contents are written down
 */
export async function takePhysical(
  dataFolder: string,
  address: DatabaseAddress,
  service: string,
  run: string,
  taking: Taking,
): Promise<{ files: BackupFile[]; source: ManifestSource }> {
  const { signal } = taking
  const store = (name: string, holds: BackupFile['holds'], content: AsyncIterable<Uint8Array>) =>
    storeFile(taking.copies, content, {
      prefix: taking.prefix,
      name: `${service}.${name}`,
      source: service,
      holds,
      codec: bestCodec(),
      recipients: taking.recipients,
      signal,
    })
  const point = `vital_ops_${run}`.replace(/\W/g, '_').slice(0, 63)
  const taken = await withDatabase({ ...address, signal }, async (session) => {
    const { rows: spaces } = await session.query(
      `select spcname from pg_tablespace where spcname not in ('pg_default', 'pg_global')`,
    )
    if (spaces.length > 0) throw new FailureError(hasTablespaces(service))
    const slot = await session.query<{ lsn: string; file: string; server: string }>(
      `select lsn::text, split_part(current_setting('server_version'), ' ', 1) as server
       from pg_create_physical_replication_slot($1, true, true)`,
      [point.toLowerCase()],
    )
    const started = await session.query<{ file: string }>('select pg_walfile_name(pg_backup_start($1, true)) as file', [
      point,
    ])
    const cluster = await store('cluster.tar', 'cluster', archive([{ path: dataFolder, name: 'data' }], select))
    const stopped = await session.query<{ label: string; at: Date }>(
      'select labelfile as label, clock_timestamp() as at from pg_backup_stop(false)',
    )
    const kept = await observeWal(session)
    const { contents, point: reached } = await readAtPoint(session, { ...address, signal }, point)
    const ended = await session.query<{ file: string }>('select pg_walfile_name(pg_switch_wal()) as file')
    const label = stopped.rows[0]?.label ?? ''
    const wal = await store('wal.tar', 'wal', walOf(dataFolder, started.rows[0]?.file ?? '', ended.rows[0]?.file ?? ''))
    const labelFile = await store('backup_label', 'wal', textStream(label))
    const written = await store('contents.json', 'contents', textStream(JSON.stringify(contents)))
    // The WAL that follows, where a slot keeps it: with that the backup can be brought to a later time.
    const following: BaseWal | undefined = kept.slot && {
      stream: kept.slot.stream,
      first: started.rows[0]?.file ?? '',
      last: ended.rows[0]?.file ?? '',
      segmentBytes: kept.segmentBytes,
      stopped: stopped.rows[0]?.at.toISOString() ?? '',
    }
    const server = slot.rows[0]?.server ?? ''
    return ok({ files: [cluster, wal, labelFile, written], contents, reached, server, following })
  })
  const { files, contents, reached, server, following } = unwrap(taken)
  return {
    files,
    source: {
      name: service,
      type: 'database',
      method: 'physical',
      service,
      database: address.database,
      server,
      point: reached,
      tables: contents.tables.length,
      rows: contents.tables.reduce((sum, { rows }) => sum + Number(rows), 0),
      migrations: contents.migrations,
      ...(following && { wal: following }),
    },
  }
}

/** How often a restore point is tried again that a commit came in between. */
const attempts = 40

/**
 * Makes the restore point, and reads what was in the database exactly then: no transaction had ended between the one before the point and the one after
 * it, in whose snapshot everything is read. On a server that never is that quiet the last point stands, and the contents are not exact.
 */
export async function readAtPoint(
  session: Connection,
  address: DatabaseAddress,
  point: string,
): Promise<{ contents: Contents; point: string }> {
  const read = await withDatabase(address, async (beside) => {
    let exact = false
    let name = point
    // They are in no snapshot: what is read before the point is the least that a recovery comes to.
    const sequences = await readSequences(session)
    for (let attempt = 1; ; attempt += 1) {
      const before = await session.query<{ seen: string }>('select pg_current_snapshot()::text as seen')
      // Recovery stops at the first point of a name.
      name = `${point.slice(0, 58)}_${attempt}`
      await session.query('select pg_create_restore_point($1)', [name])
      await beside.query('begin isolation level repeatable read, read only')
      const after = await beside.query<{ seen: string }>('select pg_current_snapshot()::text as seen')
      exact = before.rows[0]?.seen === after.rows[0]?.seen
      if (exact || attempt === attempts) break
      await beside.query('rollback')
      await pause(25 * Math.min(attempt, 8))
    }
    await prepareReading(beside)
    const tables = await readTables(beside, await listTables(beside))
    const definitions = await readDefinitions(beside)
    await beside.query('commit')
    const contents: Contents = {
      format: 1,
      ...definitions,
      tables: tables.sort((a, b) => (a.name < b.name ? -1 : 1)),
      // A recovered sequence has skipped the values that were logged ahead.
      sequences: [...sequences].map(([name, { value, descending }]) => ({ name, from: value, to: '', descending })),
      exact,
    }
    return ok({ contents, point: name })
  })
  return unwrap(read)
}

/** The WAL from the file in which the backup began to the one in which its restore point is. */
async function* walOf(dataFolder: string, from: string, to: string): AsyncGenerator<Uint8Array> {
  const folder = join(dataFolder, 'pg_wal')
  const names = (await readdir(folder))
    .filter((name) => /^[0-9A-F]{24}$/.test(name) && name >= from && name <= to)
    .sort()
  if (names[0] !== from || names.at(-1) !== to) {
    throw new FailureError({
      code: 'wal-missing',
      message: `the server has not kept its WAL from ${from} to ${to}, without which the backup cannot be restored`,
      why: `there is ${names[0] ?? 'none'} to ${names.at(-1) ?? 'none'}`,
      next: ['run the command again'],
    })
  }
  yield* archive(names.map((name) => ({ path: join(folder, name), name })))
}

const hasTablespaces = (service: string) => ({
  code: 'has-tablespaces',
  message: `${service} has tablespaces of its own, which a physical backup does not carry`,
  next: ['set method: logical, and install a client: apt-get install postgresql-client'],
  outcome: 'unchanged' as const,
})

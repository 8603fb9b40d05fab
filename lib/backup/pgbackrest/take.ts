import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Connection, type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import type { BackupFile, ManifestSource } from '../../model/backup.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import { bestCodec } from '../codecs.ts'
import type { BackupPorts } from '../context.ts'
import { type Taking, textStream } from '../sources/logical.ts'
import { readAtPoint } from '../sources/physical.ts'
import { storeFile } from '../store.ts'
import { archiveCommand, writeConfiguration } from './configuration.ts'
import { ownerOf, pgBackRest, pgBackRestProgram, type Stanza } from './program.ts'
import { expireBackup, listRepository, makeRepository, repositoryIn } from './repository.ts'

/** How long the WAL up to the restore point may take into the repository, in milliseconds. */
const archiveMs = 120_000

/**
 * Takes a whole cluster by pgBackRest, into a repository in the first folder among the targets; counts and checksums, which pgBackRest has none of, go beside the manifest into all
 * of them. Throws `FailureError`: `pgbackrest-missing`, `archiving-needs-restart`, `archive-command-foreign`, `pgbackrest-failed`, `wal-not-archived`.
 * @param address of the database whose contents are written down
 */
export async function takePgBackRest(
  ports: BackupPorts,
  dataFolder: string,
  address: DatabaseAddress,
  service: string,
  run: string,
  taking: Taking,
): Promise<{ files: BackupFile[]; source: ManifestSource }> {
  const { signal } = taking
  const folder = taking.copies.find(({ target, failure }) => target.folder !== undefined && !failure)?.target.folder
  if (folder === undefined) throw new FailureError(noFolder)
  const program = pgBackRestProgram()
  const repository = repositoryIn(folder, ports)
  const account = await ownerOf(dataFolder)
  await makeRepository(repository, account)
  // Beside the data, where it stays: the server's archive_command reads it.
  const home = join(await ports.dataFolder(service), 'pgbackrest')
  await mkdir(home, { recursive: true, mode: 0o700 })
  const place = { repository, stanza: service, dataFolder, port: address.port, account }
  const stanza: Stanza = { stanza: service, configuration: await writeConfiguration(home, place), account }
  const using = { signal, address, output: taking.output }
  const taken = await withDatabase({ ...address, signal }, async (session) => {
    await ensureArchiving(session, archiveCommand(program, stanza.configuration, service), service, taking)
    await pgBackRest(stanza, ['stanza-create'], using)
    await pgBackRest(stanza, ['backup', '--type=full', `--annotation=run=${run}`], using)
    const found = (await listRepository(stanza, signal)).findLast((one) => one.run === run)
    if (!found) throw new Error(`pgbackrest has taken a backup and knows of none of the run ${run}`)
    try {
      const { rows } = await session.query<{ server: string; at: Date; segmentBytes: number; timeline: string }>(
        `select split_part(current_setting('server_version'), ' ', 1) as server, clock_timestamp() as at,
           pg_size_bytes(current_setting('wal_segment_size'))::int as "segmentBytes",
           substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline`,
      )
      const server = rows[0] as (typeof rows)[0]
      const name = `vital_ops_${run}`.replace(/\W/g, '_').slice(0, 63)
      const { contents, point } = await readAtPoint(session, { ...address, signal }, name)
      await untilArchived(session, signal)
      return ok({ found, server, contents, point })
    } catch (error) {
      // Nobody would know of it.
      await expireBackup(stanza, found.label).catch(() => {})
      throw error
    }
  })
  const { found, server, contents, point } = unwrap(taken)
  const written = await storeFile(taking.copies, textStream(JSON.stringify(contents)), {
    prefix: taking.prefix,
    name: `${service}.contents.json`,
    source: service,
    holds: 'contents',
    codec: bestCodec(),
    recipients: taking.recipients,
    signal,
  })
  return {
    files: [written],
    source: {
      name: service,
      type: 'database',
      method: 'physical',
      service,
      database: address.database,
      server: server.server,
      point,
      tables: contents.tables.length,
      rows: contents.tables.reduce((sum, { rows }) => sum + Number(rows), 0),
      migrations: contents.migrations,
      pgbackrest: {
        stanza: service,
        label: found.label,
        bytes: found.bytes,
        segmentBytes: server.segmentBytes,
        timeline: server.timeline,
        stopped: server.at.toISOString(),
      },
    },
  }
}

/** Has the server hand its WAL over. What takes a restart is not done, but said. */
async function ensureArchiving(
  session: Connection,
  command: string,
  service: string,
  { output }: Taking,
): Promise<void> {
  const { rows } = await session.query<{ mode: string; command: string; pending: boolean }>(
    `select current_setting('archive_mode') as mode, (select setting from pg_settings where name = 'archive_command') as command,
       (select pending_restart from pg_settings where name = 'archive_mode') as pending`,
  )
  const { mode = 'off', command: found = '' } = rows[0] ?? {}
  const isNone = found === '' || found === '(disabled)'
  const isOurs = found.includes('/pgbackrest.conf') && found.endsWith('archive-push "%p"')
  const { rows: set } = await session.query<{ value: string }>(
    `select setting as value from pg_file_settings where name = 'archive_command' and error is null order by seqno desc limit 1`,
  )
  const waiting = set[0]?.value
  if (!isNone && !isOurs) throw new FailureError(foreignCommand(service, found))
  if ((waiting ?? found) !== command) {
    await session.query(`alter system set archive_command = ${session.escapeLiteral(command)}`)
    await session.query('select pg_reload_conf()')
    output(`${service}: archive_command hands WAL over to pgBackRest from now on`)
  }
  if (mode !== 'off') return
  await session.query('alter system set archive_mode = on')
  throw new FailureError(needsRestart(service))
}

/** Ends the WAL file in which the restore point is, and waits until the repository has it. */
async function untilArchived(session: Connection, signal: AbortSignal): Promise<void> {
  const { rows } = await session.query<{ file: string }>('select pg_walfile_name(pg_switch_wal()) as file')
  const file = rows[0]?.file ?? ''
  const until = performance.now() + archiveMs
  for (;;) {
    signal.throwIfAborted()
    const { rows: found } = await session.query<{ last: string | null; failed: string | null }>(
      `select last_archived_wal as last, case when last_failed_time > coalesce(last_archived_time, '-infinity') then last_failed_wal end as failed from pg_stat_archiver`,
    )
    const { last = null, failed = null } = found[0] ?? {}
    if (last !== null && last.slice(0, 24) >= file) return
    if (performance.now() > until) throw new FailureError(notArchived(file, failed))
    await pause(100)
  }
}

const noFolder = {
  code: 'pgbackrest-needs-folder',
  message: 'pgBackRest keeps its repository in a folder, and no target of the backup is one',
  next: ['add { type: folder, path: … } to the targets of the backup'],
  outcome: 'unchanged' as const,
}

const needsRestart = (service: string) => ({
  code: 'archiving-needs-restart',
  message: `${service} hands no WAL over yet: archive_mode is switched on now, and works from the server's next start`,
  why: 'pgBackRest takes no backup without the WAL that belongs to it; a server is restarted only when you say so',
  next: [`task services restart ${service}`, 'then the same command again'],
  outcome: 'unchanged' as const,
})

const foreignCommand = (service: string, command: string) => ({
  code: 'archive-command-foreign',
  message: `${service} hands its WAL over to something else already: ${command}`,
  why: 'a server has one archive_command, and somebody relies on this one',
  next: ['take `engine: pgbackrest` out of the source', 'or: alter system reset archive_command, in task db:shell'],
  outcome: 'unchanged' as const,
})

const notArchived = (file: string, failed: string | null) => ({
  code: 'wal-not-archived',
  message: `the WAL of the backup did not come into the repository within ${archiveMs / 1000} s: ${file}`,
  ...(failed !== null && { why: `the server failed to hand ${failed} over; its log says why` }),
  next: ['task services logs', 'run the command again'],
})

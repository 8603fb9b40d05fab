import { join } from 'node:path'
import { type Connection, type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import type { BackupFile, ManifestSource } from '../../model/backup.ts'
import { ok, unwrap } from '../../model/failure.ts'
import { outputOf, type ProgramOutput, programOutput } from '../client-run.ts'
import type { Client } from '../clients.ts'
import { bestCodec } from '../codecs.ts'
import { type Contents, listTables, prepareReading, readDefinitions, readSequences, readTables } from '../contents.ts'
import { type Copy, storeFile } from '../store.ts'

/** What a source is taken with. */
export type Taking = {
  copies: readonly Copy[]
  prefix: string
  recipients: readonly string[]
  signal: AbortSignal
  output(line: string): void
}

/**
 * Takes a database by pg_dump in its custom format, and beside it, in the very snapshot that the dump is of, a count and a checksum of each table. Roles
 * come from `pg_dumpall --globals-only`. Throws `FailureError`; the caller then removes what was written.
 */
export async function takeLogical(
  client: Client,
  address: DatabaseAddress,
  service: string,
  taking: Taking,
): Promise<{ files: BackupFile[]; source: ManifestSource; contents: Contents }> {
  const aborting = new AbortController()
  let first: unknown
  const ending = <T>(work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      first ??= error
      aborting.abort()
      return undefined
    })
  const signal = AbortSignal.any([taking.signal, aborting.signal])
  const store = (name: string, holds: BackupFile['holds'], content: AsyncIterable<Uint8Array> | ProgramOutput) =>
    storeFile(taking.copies, content, {
      prefix: taking.prefix,
      name: `${service}.${name}`,
      source: service,
      holds,
      codec: bestCodec(),
      recipients: taking.recipients,
      signal,
    })
  const taken = await withDatabase({ ...address, signal }, async (holder) => {
    await holder.query('begin isolation level repeatable read, read only')
    await prepareReading(holder)
    const { rows } = await holder.query<{ id: string; server: string }>(
      `select pg_export_snapshot() as id, split_part(current_setting('server_version'), ' ', 1) as server`,
    )
    const { id, server } = rows[0] as { id: string; server: string }
    const before = await readSequences(holder)
    const argv = [
      join(client.bin, 'pg_dump'),
      '--format=custom',
      '--compress=0',
      `--snapshot=${id}`,
      '--no-password',
      '--lock-wait-timeout=60s',
      '--encoding=UTF8',
    ] as const
    // What fails first ends the other; both are waited for.
    const [dump, read, globals] = await Promise.all([
      ending(store('dump', 'dump', programOutput([...argv], { address, signal, output: taking.output }))),
      ending(readBeside({ ...address, signal }, id)),
      ending(store('globals.sql', 'globals', globalsOf(client, address, signal))),
    ])
    if (dump === undefined || read === undefined || globals === undefined) throw first
    await holder.query('commit')
    const after = await readSequences(holder)
    return ok({ files: [dump, globals], read, before, after, server })
  })
  if (first !== undefined && !taking.signal.aborted) throw first
  const { files, read, before, after, server } = unwrap(taken)
  const contents: Contents = {
    format: 1,
    ...read.definitions,
    tables: read.tables.sort((a, b) => (a.name < b.name ? -1 : 1)),
    sequences: [...before].flatMap(([name, { value, descending }]) => {
      const end = after.get(name)
      return end ? [{ name, from: value, to: end.value, descending }] : []
    }),
    exact: true,
  }
  files.push(await store('contents.json', 'contents', textStream(JSON.stringify(contents))))
  return {
    files,
    contents,
    source: {
      name: service,
      type: 'database',
      method: 'logical',
      service,
      database: address.database,
      server,
      client: client.version,
      tables: contents.tables.length,
      rows: contents.tables.reduce((sum, { rows }) => sum + Number(rows), 0),
      migrations: contents.migrations,
    },
  }
}

/** Reads contents in an exported snapshot, on a connection of its own. */
async function readBeside(address: DatabaseAddress, snapshot: string) {
  const read = await withDatabase(address, async (connection: Connection) => {
    await connection.query('begin isolation level repeatable read, read only')
    await connection.query(`set transaction snapshot '${snapshot.replaceAll("'", "''")}'`)
    await prepareReading(connection)
    const tables = await readTables(connection, await listTables(connection))
    const definitions = await readDefinitions(connection)
    await connection.query('commit')
    return ok({ tables, definitions })
  })
  return unwrap(read)
}

/** Roles with their passwords' verifiers, and memberships. Who is no superuser may not read those: then without. */
export async function* globalsOf(
  client: Client,
  address: DatabaseAddress,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const superuser = unwrap(
    await withDatabase({ ...address, signal }, async (connection) => {
      const { rows } = await connection.query<{ is: string }>(`select current_setting('is_superuser') as is`)
      return ok(rows[0]?.is === 'on')
    }),
  )
  const more = superuser ? [] : ['--no-role-passwords']
  yield* outputOf([join(client.bin, 'pg_dumpall'), '--globals-only', '--no-password', ...more], { address, signal })
}

/** A text as a stream. */
export async function* textStream(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8')
}

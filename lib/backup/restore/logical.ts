import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Connection, type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import { type ClientRun, outputOf, runClient } from '../client-run.ts'
import { type Client, clientFor } from '../clients.ts'
import type { Contents, TableContents } from '../contents.ts'
import type { Server } from '../context.ts'
import { fetchTo, fileOf, type Opened, textOf } from './files.ts'
import { loadData } from './load.ts'
import { restoreIntoOlder } from './older-server.ts'
import { readRestoredTables } from './read.ts'

/** A dump on its way to the disk. */
export type FetchedDump = {
  /** Its file, once it is whole. */
  file: Promise<string>
  /** Ends what still goes on, and removes the file. */
  remove(): Promise<void>
}

/** Begins to bring a dump into a folder: it takes as long as the database that it goes into takes to be made. */
export function fetchDump(opened: Opened, service: string, folder: string): FetchedDump {
  const ending = new AbortController()
  const path = join(folder, `${service}.dump`)
  const signal = AbortSignal.any([opened.signal, ending.signal])
  const fetching = fetchTo({ ...opened, signal }, fileOf(opened, service, 'dump'), path)
  const file = fetching.then(() => path)
  // Who waits for it hears of its failure.
  file.catch(() => {})
  return {
    file,
    async remove() {
      ending.abort()
      await file.catch(() => {})
      await rm(path, { force: true })
    },
  }
}

/** The roles of a backup, as they were. */
export const fetchGlobals = (opened: Opened, service: string): Promise<string> =>
  textOf(opened, fileOf(opened, service, 'globals'))

/** Where a dump goes. */
export type LogicalRestore = {
  dump: FetchedDump
  /** What `pg_dumpall --globals-only` said; asked for where roles are missing. */
  globals(): Promise<string>
  server: Server
  applicationName: string
  service: string
  /** The new database. It must not be there, unless an earlier attempt of ours has left it. */
  into: string
  contents: Contents
  /** Roles of the backup by what they become here. */
  roles: Readonly<Record<string, string>>
  tables: readonly string[] | null
  output(line: string): void
}

/** By which a database is known as one that a restore has begun and may throw away. */
const mark = 'vital-ops: being restored'

/**
 * Settings of the sessions that restore. No commit is waited for: the database counts only after a later one, which is, and the log is written in order
 * (postgresql.org/docs/current/wal-async-commit.html). Indexes of usual size are sorted in memory.
 */
const settings = { synchronous_commit: 'off', maintenance_work_mem: '256MB', jit: 'off' }

/**
 * Restores a dump into a new database: missing roles are made (or mapped), the database with its own encoding and locale, then pg_restore, which
 * stops at the first error. The dump is removed from the disk. Returns the tables' counts and checksums where they were read meanwhile. Throws `FailureError`;
 * what it has begun is removed by the next attempt.
 */
export async function restoreLogical(opened: Opened, restore: LogicalRestore): Promise<TableContents[] | undefined> {
  const { server, into, contents, service, tables, dump } = restore
  const { signal } = opened
  const cleaning = { ...server, database: 'postgres', applicationName: restore.applicationName }
  const admin = { ...cleaning, signal }
  const source = opened.manifest.sources.find(({ name }) => name === service)
  try {
    const { major, superuser } = unwrap(
      await withDatabase(admin, async (connection) => ok(await askServer(connection))),
    )
    const client = unwrap(await clientFor(major, Number.parseInt(source?.client ?? '0', 10), signal))
    unwrap(
      await withDatabase(admin, async (connection) => {
        await createRoles(connection, restore)
        await createDatabase(connection, restore)
        return ok(undefined)
      }),
    )
    const file = await dump.file.catch(async (error: unknown) => {
      await withDatabase(cleaning, async (connection) => {
        await connection.query(`drop database if exists ${connection.escapeIdentifier(into)} with (force)`)
        return ok(undefined)
      })
      throw error
    })
    const address = { ...admin, database: into }
    const only = (tables ?? []).flatMap((table) => tableArguments(table))
    const run = { address, signal, settings, output: restore.output }
    let read: TableContents[] | undefined
    if (client.major > major) await restoreIntoOlder(client, only, file, run)
    // Large objects are loaded by pg_restore alone; and who is no superuser may load rows only before owners' privileges are as they were.
    else if (only.length === 0 && superuser && contents.largeObjects.count === '0') {
      read = await restoreSections(client, file, run)
    } else await pgRestore(client, [`--jobs=${jobs}`, ...only], file, run)
    unwrap(
      await withDatabase(admin, async (connection) => {
        for (const statement of contents.database.statements) {
          await connection.query(statement.replaceAll(':database', connection.escapeIdentifier(into)))
        }
        if (!contents.database.statements.some((text) => text.startsWith('comment '))) {
          await connection.query(`comment on database ${connection.escapeIdentifier(into)} is null`)
        }
        for (const [from, to] of Object.entries(restore.roles)) await reassign(connection, address, from, to)
        return ok(undefined)
      }),
    )
    return read
  } finally {
    await dump.remove()
  }
}

const jobs = Math.min(4, Math.max(2, availableParallelism()))

const pgRestore = (client: Client, args: readonly string[], file: string, run: ClientRun): Promise<void> =>
  runClient(
    [
      join(client.bin, 'pg_restore'),
      '--exit-on-error',
      '--no-password',
      `--dbname=${run.address.database}`,
      ...args,
      file,
    ],
    run,
  )

/**
 * Restores a whole dump in its three sections, the data by connections of our own. Tables are read for their checksums beside the last one, which makes
 * indexes and checks keys, so that no row changes any more.
 */
async function restoreSections(client: Client, file: string, run: ClientRun): Promise<TableContents[] | undefined> {
  await pgRestore(client, ['--section=pre-data'], file, run)
  const ending = new AbortController()
  const signal = AbortSignal.any([run.signal, ending.signal])
  const until = { ...run, signal, address: { ...run.address, signal } }
  const script = outputOf([join(client.bin, 'pg_restore'), '--section=data', '--file=-', file], until)
  await loadData(script, until.address, jobs)
  let first: unknown
  const endingOthers = (error: unknown) => {
    first ??= error
    ending.abort()
    return undefined
  }
  const [read] = await Promise.all([
    readRestoredTables(until.address).catch(endingOthers),
    pgRestore(client, ['--section=post-data', `--jobs=${jobs}`], file, until).catch(endingOthers),
  ])
  if (first !== undefined) throw first
  return read
}

/** Has the server count what is in a restored database, so that its plans are good from the first query on. Throws `FailureError`. */
export async function analyzeAll(address: DatabaseAddress): Promise<void> {
  unwrap(
    await withDatabase(address, async (connection) => {
      await connection.query('analyze')
      return ok(undefined)
    }),
  )
}

const tableArguments = (table: string): string[] => {
  const [schema = '', name = ''] = table.split('.')
  return [`--schema=${schema}`, `--table=${name}`]
}

async function askServer(connection: Connection): Promise<{ major: number; superuser: boolean }> {
  const { rows } = await connection.query<{ major: number; superuser: boolean }>(
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('is_superuser') = 'on' as superuser`,
  )
  return rows[0] ?? { major: 0, superuser: false }
}

/**
 * Makes the roles of a backup that this server does not have, as its globals say. A role that is mapped is made for the time of the restore, so that its
 * grants can be read, and then gives all it has to the other one.
 */
async function createRoles(
  connection: Connection,
  { globals: readGlobals, contents, roles }: LogicalRestore,
): Promise<void> {
  const { rows } = await connection.query<{ name: string }>('select rolname::text as name from pg_roles')
  const here = new Set(rows.map(({ name }) => name))
  const missing = contents.roles.filter((name) => !here.has(name))
  for (const to of Object.values(roles)) {
    if (!here.has(to)) {
      throw new FailureError({
        code: 'role-missing',
        message: `there is no role ${to} to map to`,
        next: [`create role ${to} first`],
        outcome: 'unchanged',
      })
    }
  }
  if (missing.length === 0) return
  const globals = await readGlobals()
  const names = new Map(missing.map((name) => [connection.escapeIdentifier(name), name]))
  for (const line of globals.split('\n')) {
    const [, verb, written = ''] = /^(CREATE ROLE|ALTER ROLE) ("(?:[^"]|"")+"|[^\s;"]+)/.exec(line) ?? []
    if (verb === undefined) continue
    const name = written.startsWith('"') ? written : connection.escapeIdentifier(written)
    if (!names.has(name)) continue
    // The administrator of a scratch server has that name already.
    await connection.query(line)
  }
  for (const line of globals.split('\n')) {
    const [, member = ''] = /^GRANT (?:"(?:[^"]|"")+"|\S+) TO ("(?:[^"]|"")+"|[^\s;"]+)/.exec(line) ?? []
    const name = member.startsWith('"') ? member : connection.escapeIdentifier(member)
    if (names.has(name)) await connection.query(line.replace(/ GRANTED BY .*;$/, ';')).catch(() => {})
  }
}

async function createDatabase(connection: Connection, { into, contents }: LogicalRestore): Promise<void> {
  const name = connection.escapeIdentifier(into)
  const { rows } = await connection.query<{ comment: string | null }>(
    `select shobj_description(oid, 'pg_database') as comment from pg_database where datname = $1`,
    [into],
  )
  const found = rows[0]
  if (found && found.comment !== mark) {
    throw new FailureError({
      code: 'database-exists',
      message: `there is a database ${into} already`,
      why: 'a restore goes into a new one, and never over what is there',
      next: [`the same command with --into another_name`, `or drop it: drop database ${name}`],
      outcome: 'unchanged',
    })
  }
  // An earlier attempt was cut off.
  if (found) await connection.query(`drop database ${name} with (force)`)
  const { encoding, provider, collate, ctype, locale, owner } = contents.database
  const literal = (text: string) => connection.escapeLiteral(text)
  const { major } = await askServer(connection)
  const providers: Record<string, string> = { c: 'libc', i: 'icu', b: 'builtin' }
  const options = [
    'template = template0',
    `owner = ${connection.escapeIdentifier(owner)}`,
    `encoding = ${literal(encoding)}`,
    `lc_collate = ${literal(collate)}`,
    `lc_ctype = ${literal(ctype)}`,
    `locale_provider = ${providers[provider] ?? 'libc'}`,
  ]
  if (provider === 'i' && locale !== null) options.push(`icu_locale = ${literal(locale)}`)
  if (provider === 'b' && locale !== null && major >= 17) options.push(`builtin_locale = ${literal(locale)}`)
  await connection.query(`create database ${name} ${options.join(' ')}`)
  await connection.query(`comment on database ${name} is ${literal(mark)}`)
}

async function reassign(
  admin: Connection,
  address: Parameters<typeof withDatabase>[0],
  from: string,
  to: string,
): Promise<void> {
  const [old, wanted] = [admin.escapeIdentifier(from), admin.escapeIdentifier(to)]
  unwrap(
    await withDatabase(address, async (connection) => {
      await connection.query(`reassign owned by ${old} to ${wanted}`)
      await connection.query(`drop owned by ${old}`)
      return ok(undefined)
    }),
  )
  await admin.query(`drop role ${old}`).catch(() => {})
}

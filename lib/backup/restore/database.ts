import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { applicationName, withDatabase } from '../../database/connect.ts'
import { adminUser, dataFolderOf, readAdminSecret } from '../../database/engine/cluster.ts'
import { scramVerifier } from '../../database/scram.ts'
import { type Failure, FailureError, ok, unwrap } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { OpContext, OpResult } from '../../model/platform.ts'
import { outputOf } from '../client-run.ts'
import { clientFor } from '../clients.ts'
import { compareContents } from '../compare.ts'
import type { Contents } from '../contents.ts'
import type { BackupPorts } from '../context.ts'
import { physicalEngine } from '../engine.ts'
import { openBackup } from '../open.ts'
import { inFolder } from '../scratch.ts'
import { databaseAt } from '../sources/address.ts'
import { globalsOf } from '../sources/logical.ts'
import { contentsOf, type Opened } from './files.ts'
import { analyzeAll, fetchDump, fetchGlobals, type LogicalRestore, restoreLogical } from './logical.ts'
import { restorePhysical } from './physical.ts'
import { restoreToTime } from './point-in-time.ts'
import { readRestored } from './read.ts'

type Data = OpData<'restore-database'>

/** Where a restored data folder waits until it is put in place. */
export const restoredFolder = (folder: string, version: number): string => `${dataFolderOf(folder, version)}.restored`

/** Restores a database beside what is there, and compares it. Throws `FailureError`; what is there is untouched then. */
export async function restoreDatabase(ports: BackupPorts, data: Data, context: OpContext): Promise<OpResult> {
  const opened = await openBackup(ports, data, context)
  const scratch = join(await ports.scratchFolder(), `restore-${data.backup}`)
  const restore = data.copied ? restoreCopy : data.method === 'physical' ? restoreFolder : restoreDump
  return inFolder(scratch, (folder) => restore(ports, opened, data, context, folder))
}

async function restoreDump(
  ports: BackupPorts,
  opened: Opened,
  data: Data,
  context: OpContext,
  folder: string,
): Promise<OpResult> {
  const { server } = await databaseAt(ports, data, context.secrets)
  const contents = await contentsOf(opened, data.service)
  refuseUnknown(data, contents)
  const dump = fetchDump(opened, data.service, folder)
  const globals = () => fetchGlobals(opened, data.service)
  return restoreBeside(opened, data, context, { server, contents, dump, globals })
}

/**
 * A physical backup, or what WAL has brought it to, as a database beside what is there: no data folder holds one database alone, so a server is started on
 * the side, and what is in it goes over as a dump.
 */
async function restoreCopy(
  ports: BackupPorts,
  opened: Opened,
  data: Data,
  context: OpContext,
  folder: string,
): Promise<OpResult> {
  const { service, version, point } = data
  const { run, signal } = context
  const { server } = await databaseAt(ports, data, context.secrets)
  const engine = unwrap(await physicalEngine(ports, service, version, signal))
  const client = unwrap(await clientFor(version, version, signal))
  const how = { service, engine, dataFolder: join(folder, `postgres-${version}`), folder, durable: false }
  const scratch = await (point ? restoreToTime(ports, opened, point, how) : restorePhysical(opened, how))
  const address = { ...scratch.server, database: data.database, applicationName: applicationName(run), signal }
  const path = join(folder, `${service}.dump`)
  const dumpIt = async () => {
    const contents = await readRestored(address)
    // At another moment than the backup's there is nothing to compare with; yet all of it can be read.
    const recorded = point ? contents : await contentsOf(opened, service)
    const { differences } = compareContents(recorded, contents, { owners: true })
    if (differences.length > 0) throw new FailureError(differs(data, differences))
    refuseUnknown(data, contents)
    const argv = ['--format=custom', '--compress=0', '--no-password', '--encoding=UTF8']
    const output = outputOf([join(client.bin, 'pg_dump'), ...argv], { address, signal, output: context.output })
    await pipeline(output, createWriteStream(path, { mode: 0o600 }))
    const globals: Uint8Array[] = []
    for await (const chunk of globalsOf(client, address, signal)) globals.push(chunk)
    return { contents, globals: Buffer.concat(globals).toString('utf8') }
  }
  const { contents, globals } = await dumpIt().finally(() => scratch.stop())
  return restoreBeside(opened, data, context, {
    server,
    contents,
    dump: { file: Promise.resolve(path), remove: () => rm(path, { force: true }) },
    globals: async () => globals,
  })
}

function refuseUnknown({ backup, tables }: Data, contents: Contents): void {
  const unknown = (tables ?? []).filter((table) => !contents.tables.some(({ name }) => name === table))
  if (unknown.length === 0) return
  throw new FailureError({
    code: 'no-such-table',
    message: `backup ${backup} has no table ${unknown.join(', ')}`,
    why: `it has ${contents.tables
      .map(({ name }) => name)
      .slice(0, 20)
      .join(', ')}`,
    outcome: 'usage',
  })
}

async function restoreBeside(
  opened: Opened,
  data: Data,
  { run, signal, output }: OpContext,
  from: Pick<LogicalRestore, 'server' | 'contents' | 'dump' | 'globals'>,
): Promise<OpResult> {
  const tables = await restoreLogical(opened, {
    ...from,
    applicationName: applicationName(run),
    service: data.service,
    into: data.into,
    roles: data.roles,
    tables: data.tables,
    output,
  })
  const address = { ...from.server, database: data.into, applicationName: applicationName(run), signal }
  // The one takes a core, and so does the other; both are waited for.
  const [read, analyzed] = await Promise.allSettled([readRestored(address, tables), analyzeAll(address)])
  for (const one of [read, analyzed]) if (one.status === 'rejected') throw one.reason
  const found = (read as PromiseFulfilledResult<Contents>).value
  const { compared, differences } = compareContents(from.contents, found, {
    owners: Object.keys(data.roles).length === 0,
    ...(data.tables && { tables: data.tables }),
  })
  if (differences.length > 0) throw new FailureError(differs(data, differences))
  return { message: `${compared.tables} tables restored into ${data.into} and compared` }
}

async function restoreFolder(
  ports: BackupPorts,
  opened: Opened,
  data: Data,
  { run, signal }: OpContext,
  folder: string,
): Promise<OpResult> {
  const { service, version } = data
  const contents = await contentsOf(opened, service)
  const engine = unwrap(await physicalEngine(ports, service, version, signal))
  const home = await ports.dataFolder(service)
  const waiting = restoredFolder(home, version)
  await mkdir(dirname(waiting), { recursive: true })
  const growing = `${waiting}.unfinished`
  await rm(waiting, { recursive: true, force: true })
  let tables = 0
  const how = { service, engine, dataFolder: growing, folder, durable: true }
  const scratch = await (data.point ? restoreToTime(ports, opened, data.point, how) : restorePhysical(opened, how))
  try {
    const address = { ...scratch.server, database: data.database, applicationName: applicationName(run), signal }
    // At another moment than the backup's there is nothing to compare with; yet all of it can be read.
    const found = await readRestored(address)
    const { differences } = data.point ? { differences: [] } : compareContents(contents, found, { owners: true })
    if (differences.length > 0) throw new FailureError(differs(data, differences))
    tables = found.tables.length
    // The administrator's password is this machine's, not that of the day of the backup.
    const password = await readAdminSecret(home, version)
    if (password.ok) {
      unwrap(
        await withDatabase({ ...address, database: 'postgres' }, async (connection) => {
          const verifier = connection.escapeLiteral(scramVerifier(password.value.reveal()))
          await connection.query(`alter role ${connection.escapeIdentifier(adminUser)} password ${verifier}`)
          return ok(undefined)
        }),
      )
    }
  } finally {
    await scratch.stop()
  }
  await rename(growing, waiting)
  return { message: `${tables} tables restored and ${data.point ? 'read through' : 'compared'}` }
}

const differs = ({ backup, into }: Data, differences: string[]): Failure => ({
  code: 'backup-differs',
  message: `backup ${backup} restores to something else than was backed up; what is there was not touched`,
  lines: differences.slice(0, 20),
  next: ['restore another backup: task backups', `look at what came of it: the database ${into}`],
})

import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { applicationName, withDatabase } from '../../database/connect.ts'
import { adminUser, dataFolderOf, readAdminSecret } from '../../database/engine/cluster.ts'
import { scramVerifier } from '../../database/scram.ts'
import { type Failure, FailureError, ok, unwrap } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { OpContext, OpResult } from '../../model/platform.ts'
import { compareContents } from '../compare.ts'
import type { Contents } from '../contents.ts'
import type { BackupPorts } from '../context.ts'
import { physicalEngine } from '../engine.ts'
import { openBackup } from '../open.ts'
import { inFolder } from '../scratch.ts'
import { databaseAt } from '../sources/address.ts'
import { contentsOf, type Opened } from './files.ts'
import { analyzeAll, fetchDump, restoreLogical } from './logical.ts'
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
  return inFolder(scratch, (folder) =>
    data.method === 'physical'
      ? restoreFolder(ports, opened, data, context, folder)
      : restoreDump(ports, opened, data, context, folder),
  )
}

async function restoreDump(
  ports: BackupPorts,
  opened: Opened,
  data: Data,
  { run, signal, secrets, output }: OpContext,
  folder: string,
): Promise<OpResult> {
  const { server } = await databaseAt(ports, data, secrets)
  const contents = await contentsOf(opened, data.service)
  const unknown = (data.tables ?? []).filter((table) => !contents.tables.some(({ name }) => name === table))
  if (unknown.length > 0) {
    throw new FailureError({
      code: 'no-such-table',
      message: `backup ${data.backup} has no table ${unknown.join(', ')}`,
      why: `it has ${contents.tables
        .map(({ name }) => name)
        .slice(0, 20)
        .join(', ')}`,
      outcome: 'usage',
    })
  }
  await restoreLogical(opened, {
    dump: fetchDump(opened, data.service, folder),
    server,
    applicationName: applicationName(run),
    service: data.service,
    into: data.into,
    contents,
    roles: data.roles,
    tables: data.tables,
    output,
  })
  const address = { ...server, database: data.into, applicationName: applicationName(run), signal }
  // The one takes a core, and so does the other; both are waited for.
  const [read, analyzed] = await Promise.allSettled([readRestored(address), analyzeAll(address)])
  for (const one of [read, analyzed]) if (one.status === 'rejected') throw one.reason
  const found = (read as PromiseFulfilledResult<Contents>).value
  const { compared, differences } = compareContents(contents, found, {
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

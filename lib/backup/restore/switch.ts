import { rename } from 'node:fs/promises'
import { applicationName, withDatabase } from '../../database/connect.ts'
import { dataFolderOf } from '../../database/engine/cluster.ts'
import { runningServer } from '../../database/engine/running.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { OpContext, OpResult } from '../../model/platform.ts'
import { exists, syncFolder } from '../../system/files.ts'
import type { BackupPorts } from '../context.ts'
import { databaseAt } from '../sources/address.ts'
import { restoredFolder } from './database.ts'

type Data = OpData<'switch-database'>

/** `20261121_093000`, for names that a person reads. */
export const stamp = (): string => new Date().toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)

/** Puts what was restored in place. A failure leaves the old one under its own name. Throws `FailureError`. */
export async function switchDatabase(ports: BackupPorts, data: Data, context: OpContext): Promise<OpResult> {
  return data.method === 'physical' ? switchFolders(ports, data) : switchNames(ports, data, context)
}

async function switchNames(ports: BackupPorts, data: Data, { run, signal, secrets }: OpContext): Promise<OpResult> {
  const { database, from } = data
  const { server } = await databaseAt(ports, data, secrets)
  const kept = `${database.slice(0, 38)}_before_${stamp()}`
  const result = await withDatabase(
    { ...server, database: 'postgres', applicationName: applicationName(run), signal },
    async (connection) => {
      const quote = (name: string) => connection.escapeIdentifier(name)
      const { rows } = await connection.query<{ name: string }>(
        'select datname::text as name from pg_database where datname = any($1)',
        [[database, from]],
      )
      const names = rows.map(({ name }) => name)
      if (!names.includes(from)) {
        throw new FailureError({
          code: 'changed-meanwhile',
          message: `there is no database ${from}, which was to become ${database}`,
          outcome: 'unchanged',
          next: ['run the command again'],
        })
      }
      // Both renames or none: a database that somebody is connected to cannot be renamed, so nobody may come in between.
      if (names.includes(database)) await connection.query(`alter database ${quote(database)} allow_connections false`)
      try {
        for (const name of [from, database]) {
          await connection.query(
            'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
            [name],
          )
        }
        await connection.query('begin')
        if (names.includes(database))
          await connection.query(`alter database ${quote(database)} rename to ${quote(kept)}`)
        await connection.query(`alter database ${quote(from)} rename to ${quote(database)}`)
        await connection.query('commit')
      } catch (error) {
        await connection.query('rollback').catch(() => {})
        if (names.includes(database)) {
          await connection.query(`alter database ${quote(database)} allow_connections true`).catch(() => {})
        }
        throw error
      }
      if (names.includes(database)) await connection.query(`alter database ${quote(kept)} allow_connections true`)
      return ok(names.includes(database))
    },
  )
  const replaced = unwrap(result)
  return {
    message: replaced
      ? `the old one is ${kept}; when it is not needed any more: drop database ${kept}`
      : 'there was none before',
  }
}

async function switchFolders(ports: BackupPorts, { service, version }: Data): Promise<OpResult> {
  const folder = await ports.dataFolder(service)
  const [current, waiting] = [dataFolderOf(folder, version), restoredFolder(folder, version)]
  if (!(await exists(waiting))) {
    throw new FailureError({
      code: 'changed-meanwhile',
      message: `there is no ${waiting}, which was to be put in place`,
      outcome: 'unchanged',
      next: ['run the command again'],
    })
  }
  const pid = await runningServer(current)
  if (pid !== undefined) {
    throw new FailureError({
      code: 'server-already-running',
      message: `a PostgreSQL server still works on ${current} (pid ${pid})`,
      next: [`task services down ${service}`],
    })
  }
  const kept = `${current}.before-${stamp()}`
  const replaced = await exists(current)
  if (replaced) await rename(current, kept)
  await rename(waiting, current)
  await syncFolder(folder)
  return { message: replaced ? `the old data are in ${kept}` : 'there were none before' }
}

import { dirname, join } from 'node:path'
import { dumpSchema } from '../../lib/backup/schema-dump.ts'
import { applicationName } from '../../lib/database/connect.ts'
import { writeMigration } from '../../lib/database/files.ts'
import { serverMajor } from '../../lib/database/schema/catalogue.ts'
import { FailureError, ok } from '../../lib/model/failure.ts'
import type { OpKindName } from '../../lib/model/op.ts'
import type { Plan } from '../../lib/model/plan.ts'
import { exists, readText } from '../../lib/system/files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { databaseOf, useDatabase } from './database.ts'
import type { Session } from './session.ts'

/** The ops after which the schema may be another one. */
const changing: readonly OpKindName[] = ['apply-migrations', 'revert-migrations', 'reset-database']

/**
 * Writes `database/schema/current.sql` after a plan that changed the schema of a database for development: not after a rehearsal, nor on an environment
 * that is protected or elsewhere, whose schema may be ahead of the working tree or behind it. Without a client that can dump the server it is left as it is, which is
 * said once. That it cannot be written makes nothing that was done a failure.
 */
export async function keepCurrentSchema(plan: Plan, session: Session, context: TaskContext): Promise<void> {
  const { desired, platform } = session
  const { database, configuration } = desired
  const forDevelopment = desired.platform === 'local' && !desired.rehearsal && !configuration.protected
  if (!database || !forDevelopment || !plan.ops.some(({ kind }) => changing.includes(kind))) return
  const path = join(dirname(configuration.database?.migrations ?? 'database/migrations'), 'schema/current.sql')
  const said = join(session.ops, 'cache/no-schema-client')
  try {
    const major = await useDatabase(session, 'administrator', context.signal, async (connection) =>
      ok(await serverMajor(connection)),
    )
    const { service, name } = databaseOf(session)
    const administrator = await platform.administrator(service)
    if (!administrator.ok) return
    const address = { ...administrator.value, database: name, applicationName: applicationName(session.run) }
    const { env } = context.invocation
    const text = await dumpSchema(address, major, { signal: context.signal, env })
    if (text === undefined) {
      if (await exists(said)) return
      context.log(
        `${path} is not written: there is no pg_dump ${major} or newer on this machine (apt-get install postgresql-client-${major})`,
      )
      await writeMigration(said, `${major}\n`)
      return
    }
    const file = join(session.folder, path)
    if ((await readText(file)) === text) return
    await writeMigration(file, text)
    context.log(`wrote ${path}`)
  } catch (error) {
    const why = error instanceof FailureError ? error.failures[0]?.message : (error as Error).message
    context.log.warn(`${path} was not written: ${why}`)
  }
}

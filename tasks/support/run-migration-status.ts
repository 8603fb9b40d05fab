import { migrationStatus } from '../../lib/database/migrations/compare.ts'
import { type Ledger, readLedger } from '../../lib/database/migrations/ledger.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok } from '../../lib/model/failure.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { databaseOf, useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { keepStatusNote } from './keep-status-note.ts'
import { type MigrationStatus, migrationStatusText } from './migration-status.ts'
import { isOurs } from './ours.ts'
import { openNamed, type Session } from './session.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }

/** `task migrate status` */
export async function runMigrationStatus(scope: Scope, context: TaskContext & { args: Arguments }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const ledger = desired.database ? await ledgerOf(session, context) : undefined
  const migrations = migrationStatus(desired.database?.migrations ?? [], ledger?.applied ?? [], ledger)
  const status: MigrationStatus = { environment: desired.environment, reachable: ledger !== undefined, migrations }
  if (ledger !== undefined) await noteStatus(session, context)
  return {
    ...status,
    text: (view: View) =>
      migrations.length === 0
        ? `${desired.database ? 'there are no migrations' : `${desired.environment} names no database`}\n`
        : migrationStatusText(status, view),
  }
}

/** Lets the next status be answered from what this one has read. */
async function noteStatus(session: Session, { invocation, tasks }: TaskContext): Promise<void> {
  // A task of the Taskfile may have called this one, and says more.
  if (!isOurs(tasks.find('migrate status'))) return
  const server = await session.platform.administrator(databaseOf(session).service)
  if (server.ok) await keepStatusNote(session, invocation, server.value)
}

/** The ledger of the environment's database; undefined, with a warning, where it does not answer. */
async function ledgerOf(session: Session, context: TaskContext): Promise<Ledger | undefined> {
  try {
    return await useDatabase(session, 'owner', context.signal, async (connection) => ok(await readLedger(connection)))
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    const { environment } = session.desired
    context.log.warn(
      `the database of ${environment} does not answer: nothing is known of what is applied (${error.failures[0]?.message})`,
    )
    return undefined
  }
}

import { type MigrationRow, migrationStatus } from '../../lib/database/migrations/compare.ts'
import { type Ledger, readLedger } from '../../lib/database/migrations/ledger.ts'
import { table } from '../../lib/log/table.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok } from '../../lib/model/failure.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { openNamed, type Session } from './session.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }

/** `task migrate status` */
export async function runMigrationStatus(scope: Scope, context: TaskContext & { args: Arguments }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const ledger = desired.database ? await ledgerOf(session, context) : undefined
  const rows = migrationStatus(desired.database?.migrations ?? [], ledger?.applied ?? [], ledger)
  const reachable = ledger !== undefined
  return {
    environment: desired.environment,
    reachable,
    migrations: rows,
    text: (view: View) =>
      rows.length === 0
        ? `${desired.database ? 'there are no migrations' : `${desired.environment} names no database`}\n`
        : table(
            ['version', 'name', 'state', 'effect', 'applied', 'took', 'by', 'release', 'what to do'],
            rows.map((row) => cells(row, reachable)),
            view,
          ),
  }
}

function cells(row: MigrationRow, reachable: boolean): string[] {
  const { version, name, state, effect, appliedAt, durationMs, appliedBy, release, failure, action } = row
  return [
    version,
    name,
    reachable ? state : 'unknown',
    effect,
    appliedAt?.slice(0, 19).replace('T', ' ') ?? '',
    durationMs === undefined ? '' : `${(durationMs / 1000).toFixed(2)}s`,
    appliedBy ?? '',
    release === undefined ? '' : String(release),
    reachable ? [failure, action].filter(Boolean).join(': ') : '',
  ]
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

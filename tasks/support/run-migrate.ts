import { migrationStatus } from '../../lib/database/migrations/compare.ts'
import { table } from '../../lib/log/table.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { planMigrate } from '../../lib/plan/migrate.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import { withMigrationFindings } from './database-findings.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }

/** `task migrate up` */
export async function runMigrate(scope: Scope, context: TaskContext & { args: PlanFlags & Arguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: 'migrate up',
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      return ok({ plan: withMigrationFindings(planMigrate(desired, snapshot), desired, snapshot), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'migrate up',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (_view: View) => {
      if (result.outcome !== 'done' || args.dryRun) return ''
      const op = result.plan?.ops[0]
      const count = op?.kind === 'apply-migrations' ? (op.data.pending?.length ?? 0) : 0
      return count === 0 ? 'nothing is pending\n' : `${count} applied ${since(started)}\n`
    },
  })
}

/** `task migrate status` */
export async function runMigrationStatus(scope: Scope, context: TaskContext & { args: Arguments }) {
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const { database } = unwrap(await session.platform.observe(desired, { signal: context.signal }))
  const reachable = database?.applied !== undefined
  const rows = migrationStatus(desired.database?.migrations ?? [], database?.applied ?? [])
  if (desired.database && !reachable)
    context.log.warn(`the database of ${desired.environment} does not answer: nothing is known of what is applied`)
  return {
    environment: desired.environment,
    reachable,
    migrations: rows,
    text: (view: View) =>
      rows.length === 0
        ? `${desired.database ? 'there are no migrations' : `${desired.environment} names no database`}\n`
        : table(
            ['version', 'name', 'state', 'effect', 'applied', 'what to do'],
            rows.map(({ version, name, state, effect, appliedAt, action }) => [
              version,
              name,
              reachable ? state : 'unknown',
              effect,
              appliedAt?.slice(0, 19).replace('T', ' ') ?? '',
              reachable ? (action ?? '') : '',
            ]),
            view,
          ),
  }
}

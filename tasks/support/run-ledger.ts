import { type HistoryTool, readHistory } from '../../lib/database/migrations/history.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { planBaseline, planImport, planRepair } from '../../lib/plan/migrate.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import type { PlanFlags } from './operate.ts'
import { runPlanned } from './run-migrate.ts'

type Arguments = PlanFlags & { readonly environment: string; readonly platform?: PlatformName | undefined }
type Context<More> = TaskContext & { args: Arguments & More }

/** `task migrate repair` */
export const runRepair = (scope: Scope, context: Context<{ readonly version: readonly string[] }>) =>
  runPlanned(
    scope,
    context,
    'migrate repair',
    (desired, snapshot) => planRepair(desired, snapshot, context.args.version),
    { nothing: 'the ledger agrees with the files\n', done: 'rows changed' },
  )

/** `task migrate baseline --to V` */
export const runBaseline = (scope: Scope, context: Context<{ readonly to: string }>) =>
  runPlanned(
    scope,
    context,
    'migrate baseline',
    (desired, snapshot) => planBaseline(desired, snapshot, { to: context.args.to }),
    { nothing: 'there is nothing to record\n', done: 'recorded as applied' },
  )

/** `task migrate import dbmate|flyway|golang-migrate` */
export const runImport = (
  scope: Scope,
  context: Context<{ readonly tool: HistoryTool; readonly table?: string | undefined }>,
) => {
  const { tool, table } = context.args
  return runPlanned(
    scope,
    context,
    `migrate import ${tool}`,
    async (desired, snapshot, session) => {
      const nothing = { tool, entries: [], findings: [] }
      if (snapshot.database?.ready !== true) return planImport(desired, snapshot, nothing)
      const history = await useDatabase(session, 'owner', context.signal, (connection) =>
        readHistory(connection, tool, desired.database?.migrations ?? [], { root: session.folder, table }),
      )
      return planImport(desired, snapshot, history)
    },
    { nothing: `all that ${tool} has applied is in the ledger\n`, done: 'taken over' },
  )
}

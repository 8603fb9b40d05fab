import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { type Limit, planDown, planMigrate, planRedo } from '../../lib/plan/migrate.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { withMigrationFindings } from './database-findings.ts'
import type { Scope } from './flags.ts'
import { refuseUnknownCommand } from './migrate-environment.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed, type Session } from './session.ts'
import { sayScripts } from './show-scripts.ts'

type Arguments = PlanFlags & { readonly environment: string; readonly platform?: PlatformName | undefined }
type Context<More = unknown> = TaskContext & { args: Arguments & More }

/** `task migrate up` */
export async function runMigrate(scope: Scope, context: Context<Readonly<Limit>>) {
  await refuseUnknownCommand(scope, context)
  const { to, steps } = context.args
  return runPlanned(
    scope,
    context,
    'migrate up',
    (desired, snapshot) => planMigrate(desired, snapshot, { to, steps }),
    {
      nothing: 'nothing is pending\n',
      done: 'applied',
    },
  )
}

/** `task migrate down` */
export const runDown = (scope: Scope, context: Context<Readonly<Limit>>) => {
  const { to, steps } = context.args
  return runPlanned(scope, context, 'migrate down', (desired, snapshot) => planDown(desired, snapshot, { to, steps }), {
    nothing: 'nothing is applied\n',
    done: 'undone',
  })
}

/** `task migrate redo` */
export const runRedo = (scope: Scope, context: Context) =>
  runPlanned(scope, context, 'migrate redo', planRedo, {
    nothing: 'nothing is applied\n',
    done: 'undone and applied again',
  })

/** A command that runs migrations: planned from a look at the database, confirmed, under the lock, in the journal. */
export async function runPlanned(
  scope: Scope,
  context: Context,
  operation: string,
  plan: (desired: Desired, snapshot: Snapshot, session: Session) => Plan | Promise<Plan>,
  words: { nothing: string; done: string },
) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: operation,
    covers: [],
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const made = withMigrationFindings(await plan(desired, snapshot, session), desired, snapshot)
      return ok({ plan: made, snapshot, desired })
    },
  })
  if (!args.dryRun && result.outcome === 'done' && result.plan) {
    await (await import('./current-schema.ts')).keepCurrentSchema(result.plan, session, context)
  }
  const scripts = args.dryRun && result.plan && result.outcome === 'done' ? await sayScripts(result.plan, session) : ''
  return reportOperation(result, {
    operation,
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => {
      if (result.outcome !== 'done') return ''
      if (args.dryRun) return scripts
      const count = result.plan === undefined ? 0 : concerned(result.plan)
      return count === 0 ? words.nothing : `${count} ${words.done} ${since(started, view)}\n`
    },
  })
}

/** How many migrations a plan is about. */
function concerned({ ops: [op] }: Plan): number {
  if (op?.kind === 'apply-migrations') return op.data.pending?.length ?? 0
  if (op?.kind === 'revert-migrations') return op.data.files.length
  if (op?.kind === 'edit-ledger') return op.data.record.length + op.data.accept.length + op.data.forget.length
  return 0
}

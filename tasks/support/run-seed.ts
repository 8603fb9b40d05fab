import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { planSeed } from '../../lib/plan/database.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

type Arguments = PlanFlags & { readonly environment: string; readonly platform?: PlatformName | undefined }

/** `task seed` */
export async function runSeed(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: 'seed',
    covers: [],
    // Also where nobody has said that it is protected.
    asksForName: desired.configuredAs === 'production' && !desired.rehearsal,
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      return ok({ plan: planSeed(desired, snapshot), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'seed',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => {
      if (result.outcome !== 'done' || args.dryRun) return ''
      const op = result.plan?.ops[0]
      const count = op?.kind === 'apply-seeds' ? (op.data.pending?.length ?? op.data.files.length) : 0
      if (count > 0) return `${count} ${count === 1 ? 'seed' : 'seeds'} ran ${since(started, view)}\n`
      return desired.database?.seeds.length ? 'no seed is new or changed\n' : 'there are no seeds\n'
    },
  })
}

import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { planRollback } from '../../lib/plan/rollback.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openSession } from './session.ts'
import { describeRelease } from './text.ts'

/** The arguments of `task rollback`. */
export type RollbackArguments = PlanFlags & {
  readonly environment: string
  readonly to?: number | undefined
  readonly platform?: PlatformName | undefined
}

/** Goes back to a healthy release. Planned from the records alone: a broken catalogue is a warning. */
export async function runRollback(scope: Scope, context: TaskContext & { args: RollbackArguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openSession(scope, context, {
    environment: args.environment,
    platform: args.platform,
    needs: 'record',
  })
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: args.to === undefined ? 'rollback' : `rollback to release ${args.to}`,
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const plan = planRollback(snapshot, {
        environment: desired.environment,
        ...(args.to === undefined ? {} : { to: args.to }),
      })
      return ok({ plan, snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'rollback',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeRelease(result, desired, `rollback ${desired.environment}`, since(started), view),
  })
}

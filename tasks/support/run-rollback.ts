import { findClients } from '../../lib/backup/clients.ts'
import { findUnfinished, lastRun, leftRelease } from '../../lib/execute/recovery.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { planRollback } from '../../lib/plan/rollback.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportRelease, since } from './result.ts'
import { openNamed, type Session } from './session.ts'
import { describeRelease } from './text.ts'

/** The arguments of `task rollback`. */
export type RollbackArguments = PlanFlags & {
  readonly environment: string
  readonly to?: number | undefined
  readonly withDatabase?: boolean
  readonly platform?: PlatformName | undefined
}

/**
 * What an unfinished run makes of a rollback without `--to`: one that died is finished, and goes no further back; from a deploy that
 * died, it goes back to the release that is still current. Looked at once, since taking the lock settles what was left.
 */
async function begunBefore({ ops, desired, platform }: Session): Promise<{ to?: number; from?: number }> {
  const { environment } = desired
  const { lock, releases } = platform
  const unfinished = await findUnfinished({ ops, environment, releases }, await lock.inspect())
  const last = unfinished && lastRun(unfinished)
  if (last?.target !== undefined) return { to: last.target }
  const current = await releases.current()
  const left = await leftRelease(unfinished, releases)
  return left && current !== undefined && left.number > current ? { from: left.number } : {}
}

/** Goes back to a healthy release. Planned from the records alone: a broken catalogue is a warning. */
export async function runRollback(scope: Scope, context: TaskContext & { args: RollbackArguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'record')
  const { desired } = session
  const begun = args.to === undefined ? await begunBefore(session) : {}
  const result = await operate(context, session, args, {
    purpose: args.to === undefined ? 'rollback' : `rollback to release ${args.to}`,
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const plan = planRollback(snapshot, {
        environment: desired.environment,
        ...(args.to === undefined ? begun : { to: args.to }),
        ...(args.withDatabase
          ? { withDatabase: { desired, clients: (await findClients(process.env, signal)).map(({ major }) => major) } }
          : {}),
      })
      return ok({ plan, snapshot, desired })
    },
  })
  return reportRelease(result, session.platform.releases, {
    operation: 'rollback',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeRelease(result, desired, `rollback ${desired.environment}`, since(started, view), view),
  })
}

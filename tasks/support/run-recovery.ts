import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import type { Release } from '../../lib/model/release.ts'
import { planRollback, planStopRelease } from '../../lib/plan/rollback.ts'
import { filesOfRevision } from '../../lib/system/revision-files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { deployWith } from './run-deploy.ts'
import { openSession, type Session } from './session.ts'
import { describeRelease } from './text.ts'

type Arguments = PlanFlags & { readonly environment: string; readonly platform?: PlatformName | undefined }

/** The release that a dead run left pending. */
async function unfinishedRelease(session: Session): Promise<Release> {
  const pending = (await session.platform.releases.list()).filter((release) => release.outcome === 'pending').at(-1)
  if (pending) return pending
  throw new FailureError({
    code: 'nothing-unfinished',
    message: `${session.desired.environment} has no unfinished deploy`,
    outcome: 'unchanged',
    next: [`task releases ${session.desired.configuredAs}`],
  })
}

/** `task resume`: the same revision and services as a new deploy, planned from what is true now. */
export async function runResume(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const looked = await openSession(scope, context, { ...args, platform: args.platform, needs: 'record' })
  const pending = await unfinishedRelease(looked)
  const dirty = pending.commit.startsWith('tree-')
  const revision = dirty ? undefined : pending.commit
  const files = await filesOfRevision(looked.folder, revision, context.signal)
  const session = await openSession(scope, context, {
    ...(files === undefined ? {} : { files }),
    environment: args.environment,
    platform: args.platform,
    // A rehearsal may have died before its `.env` file was written.
    needs: args.platform === undefined ? 'environment' : 'planned',
  })
  return deployWith(context, session, { ...args, services: pending.only ?? [], revision, allowDirty: dirty })
}

/** `task abort`: back to the current release, or, where there is none, what the dead deploy started is stopped. */
export async function runAbort(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openSession(scope, context, { ...args, platform: args.platform, needs: 'record' })
  const { desired } = session
  const pending = await unfinishedRelease(session)
  const result = await operate(context, session, args, {
    purpose: `abort release ${pending.number}`,
    recovers: 'aborted',
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const plan =
        snapshot.current === undefined
          ? planStopRelease(snapshot, pending)
          : planRollback(snapshot, { environment: desired.environment, from: pending.number })
      return ok({ plan: { ...plan, operation: 'abort' }, snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation: 'abort',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeRelease(result, desired, `abort ${desired.environment}`, since(started), view),
  })
}

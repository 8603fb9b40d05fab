import { findUnfinished, leftInPart, leftRelease, type Unfinished } from '../../lib/execute/recovery.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import type { Release } from '../../lib/model/release.ts'
import { planRollback, planStopRelease } from '../../lib/plan/rollback.ts'
import { filesOfRevision } from '../../lib/system/revision-files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportRelease, since } from './result.ts'
import { deployWith } from './run-deploy.ts'
import { bringUpRest } from './run-services.ts'
import { openSession, type Session } from './session.ts'
import { describeRelease } from './text.ts'

type Arguments = PlanFlags & { readonly environment: string; readonly platform?: PlatformName | undefined }

/** What is unfinished, with the release that it is about. */
async function lookFor({ ops, desired, platform }: Session) {
  const { lock, releases } = platform
  const unfinished = await findUnfinished({ ops, environment: desired.environment, releases }, await lock.inspect())
  return { unfinished, left: await leftRelease(unfinished, releases) }
}

/** The release that a dead deploy, or the dead abort of one, left, with an outcome that can be dealt with. */
function releaseOf(left: Release | undefined, but: Release['outcome'], { desired }: Session): Release {
  if (left && left.outcome !== but) return left
  if (left?.outcome === 'healthy') throw new FailureError(isHealthy(left, desired))
  throw new FailureError({
    code: 'nothing-unfinished',
    message: `${desired.environment} has no unfinished deploy${but === 'failed' ? ', and no services left to bring up' : ''}`,
    outcome: 'unchanged',
    next: [`task releases ${desired.configuredAs}`],
  })
}

const isHealthy = ({ number }: Release, { configuredAs }: Desired): Failure => ({
  code: 'release-is-healthy',
  message: `release ${number} of ${configuredAs} is healthy, and cannot be aborted any more`,
  why: 'its deploy failed only after that, at writing down that it is the current one',
  outcome: 'unchanged',
  next: [`task resume ${configuredAs}`, `task rollback ${configuredAs}`],
})

/** `task resume`: what a resilient `services up` had left, or the same revision and services as a new deploy, planned from what is true now. */
export async function runResume(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const looked = await openSession(scope, context, { ...args, platform: args.platform, needs: 'record' })
  const { unfinished, left } = await lookFor(looked)
  const rest = unfinished && leftInPart(unfinished)
  if (rest && (!left || left.outcome === 'failed')) return resumeServices(scope, context, rest)
  const pending = releaseOf(left, 'failed', looked)
  if (pending.outcome === 'healthy') return writeDown(context, looked, pending)
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
  return deployWith(context, session, {
    ...args,
    services: pending.only ?? [],
    image: Object.entries(pending.given ?? {}).map(([service, reference]) => `${service}=${reference}`),
    revision,
    allowDirty: dirty,
    commit: pending.commit,
  })
}

/** What resilient runs could not bring up; what has left the catalogue since is nobody's any more. */
async function resumeServices(scope: Scope, context: TaskContext & { args: Arguments }, { runs }: Unfinished) {
  const { environment, platform } = context.args
  const session = await openSession(scope, context, { environment, platform, needs: 'environment' })
  const left = new Set(runs.flatMap((run) => run.left ?? []))
  const names = session.desired.services.flatMap(({ name }) => (left.has(name) ? [name] : []))
  const workingTree = runs.at(-1)?.header?.arguments.workingTree === true
  return bringUpRest(context, session, names, workingTree)
}

/** What is left of a deploy whose release is healthy: to write down that it is current, which settling does. */
async function writeDown(context: TaskContext & { args: Arguments }, session: Session, { number }: Release) {
  const { desired } = session
  const dryRun = context.args.dryRun === true
  const result = await operate(context, session, context.args, {
    purpose: `resume release ${number}`,
    recovers: 'resumed',
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { signal }))
      const plan = { operation: 'resume', environment: desired.environment, ops: [], findings: [], notes: [] }
      return ok({ plan, snapshot, desired })
    },
  })
  return reportRelease(result, session.platform.releases, {
    operation: 'resume',
    environment: desired.environment,
    dryRun,
    text: () =>
      result.outcome === 'done' && !dryRun
        ? `release ${number} of ${desired.environment} is healthy and current\n`
        : '',
  })
}

/** `task abort`: back to the current release, or, where there is none, what the dead deploy started is stopped. */
export async function runAbort(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openSession(scope, context, { ...args, platform: args.platform, needs: 'record' })
  const { desired } = session
  const pending = releaseOf((await lookFor(session)).left, 'healthy', session)
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
  return reportRelease(result, session.platform.releases, {
    operation: 'abort',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeRelease(result, desired, `abort ${desired.environment}`, since(started, view), view),
  })
}

import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { planBringBack } from '../../lib/plan/bring-back.ts'
import { planServicesDown, planServicesRestart, planServicesUp, type UpOptions } from '../../lib/plan/services.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags, type Work } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openSession, type Session } from './session.ts'
import { describeServices } from './text.ts'

/** The arguments of `task services up|down|restart`. */
export type ServicesArguments = PlanFlags & {
  readonly names: readonly string[]
  readonly category?: string | undefined
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly workingTree?: boolean
  readonly resolvePorts?: boolean
  readonly resilient?: boolean
}

type Context = TaskContext & { args: ServicesArguments }
type Planner = (desired: Desired, snapshot: Snapshot, selection: UpOptions) => Plan

/** `task services up` */
export const runUp = (scope: Scope, context: Context) => runServices(scope, context, 'services up', planServicesUp)

/** `task services down`; works from the record where the catalogue is broken. */
export const runDown = (scope: Scope, context: Context) =>
  runServices(scope, context, 'services down', planServicesDown)

/** `task services restart` */
export const runRestart = (scope: Scope, context: Context) =>
  runServices(scope, context, 'services restart', planServicesRestart)

async function runServices(scope: Scope, context: Context, operation: string, planner: Planner) {
  const { args } = context
  const selection = {
    ...(args.names.length > 0 ? { names: [...args.names] } : {}),
    ...(args.category === undefined ? {} : { category: args.category }),
    workingTree: args.workingTree === true,
    resilient: args.resilient === true,
  }
  const session = await openSession(scope, context, {
    environment: args.environment,
    platform: args.platform,
    ...(args.resolvePorts
      ? { resolvePorts: { of: args.workingTree ? ('catalogue' as const) : ('current-release' as const), selection } }
      : {}),
    needs: operation === 'services down' ? 'record' : 'environment',
  })
  session.requireServices(args.names)
  const isWhole = operation !== 'services restart' && args.names.length === 0 && args.category === undefined
  return changeServices(context, session, operation, planner, selection, isWhole ? {} : { covers: [] })
}

/** Brings up what a resilient `services up` had left, and nothing that runs. */
export const bringUpRest = (
  context: TaskContext & { args: PlanFlags },
  session: Session,
  names: readonly string[],
  workingTree: boolean,
) =>
  changeServices(
    context,
    session,
    'services up',
    planServicesUp,
    { names: [...names], workingTree, resilient: true, rest: true },
    { covers: [], recovers: 'resumed' },
  )

async function changeServices(
  context: TaskContext & { args: PlanFlags },
  session: Session,
  operation: string,
  planner: Planner,
  selection: UpOptions,
  about: Pick<Work, 'covers' | 'recovers'>,
) {
  const { args } = context
  const started = performance.now()
  const { desired } = session
  const result = await operate(context, session, args, {
    purpose: operation,
    ...about,
    ...(selection.resilient ? { resilient: true } : {}),
    ...(operation === 'services up'
      ? { arguments: { workingTree: selection.workingTree }, goBack: goBack(session), makesGood: selection.names }
      : {}),
    prepare: async (signal) => {
      const source = operation === 'services down' ? {} : { source: { allowDirty: true } }
      const snapshot = unwrap(await session.platform.observe(desired, { ...source, signal }))
      return ok({ plan: planner(desired, snapshot, selection), snapshot, desired })
    },
  })
  const shown = !args.dryRun && (result.outcome === 'done' || result.outcome === 'partial')
  const states = shown ? await session.platform.status(context.signal) : []
  return reportOperation(result, {
    operation,
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeServices(result, desired, states, `${operation} ${since(started, view)}`, view),
  })
}

/** After a failure: what was replaced, and kept, runs again. */
const goBack =
  ({ platform, desired }: Session): NonNullable<Work['goBack']> =>
  async (_failure, { plan, snapshot }, signal, ended) => {
    const now = await platform.observe(desired, { signal })
    return now.ok ? ok(planBringBack(plan, snapshot, now.value, (id) => ended.get(id) === 'done')) : now
  }

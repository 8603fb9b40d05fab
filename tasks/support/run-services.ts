import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { planServicesDown, planServicesRestart, planServicesUp } from '../../lib/plan/services.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openSession } from './session.ts'
import { describeServices } from './text.ts'

/** The arguments of `task services up|down|restart`. */
export type ServicesArguments = PlanFlags & {
  readonly names: readonly string[]
  readonly category?: string | undefined
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly workingTree?: boolean
  readonly resolvePorts?: boolean
}

type Context = TaskContext & { args: ServicesArguments }
type Planner = (desired: Desired, snapshot: Snapshot, selection: Selection) => Plan
type Selection = { names?: string[]; category?: string; workingTree: boolean }

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
  const started = performance.now()
  const selection = {
    ...(args.names.length > 0 ? { names: [...args.names] } : {}),
    ...(args.category === undefined ? {} : { category: args.category }),
    workingTree: args.workingTree === true,
  }
  const session = await openSession(scope, context, {
    environment: args.environment,
    platform: args.platform,
    ...(args.resolvePorts
      ? { resolvePorts: { of: args.workingTree ? ('catalogue' as const) : ('current-release' as const), selection } }
      : {}),
    needs: operation === 'services down' ? 'record' : 'environment',
  })
  const { desired } = session
  session.requireServices(args.names)
  const isWhole = operation !== 'services restart' && args.names.length === 0 && args.category === undefined
  const result = await operate(context, session, args, {
    purpose: operation,
    ...(isWhole ? {} : { covers: [] }),
    prepare: async (signal) => {
      const source = operation === 'services down' ? {} : { source: { allowDirty: true } }
      const snapshot = unwrap(await session.platform.observe(desired, { ...source, signal }))
      return ok({ plan: planner(desired, snapshot, selection), snapshot, desired })
    },
  })
  const states = result.outcome === 'done' && !args.dryRun ? await session.platform.status(context.signal) : []
  return reportOperation(result, {
    operation,
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeServices(result, desired, states, `${operation} ${since(started, view)}`, view),
  })
}

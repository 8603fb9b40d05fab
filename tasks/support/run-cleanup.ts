import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { isEmpty } from '../../lib/model/plan.ts'
import { planCleanup } from '../../lib/plan/cleanup.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openNamed } from './session.ts'

/** The arguments of `task cleanup`. */
export type CleanupArguments = PlanFlags & {
  readonly environment: string
  readonly volumes?: boolean
  readonly pruneData?: boolean
  readonly platform?: PlatformName | undefined
}

/** Removes what nobody needs; of what dead runs left it supersedes other cleanups alone. */
export async function runCleanup(scope: Scope, context: TaskContext & { args: CleanupArguments }) {
  const { args } = context
  const started = performance.now()
  const session = await openNamed(scope, context, 'record')
  const { desired, platform } = session
  const { environment } = desired
  const volumes = args.volumes === true
  const pruneData = args.pruneData === true
  const result = await operate(context, session, args, {
    purpose: pruneData ? 'cleanup with data' : volumes ? 'cleanup with volumes' : 'cleanup',
    covers: [],
    again: 'cleanup',
    asksForName: volumes || pruneData,
    prepare: async (signal) => {
      if (!platform.leftovers) throw new FailureError(nothingLeft(environment, desired.platform))
      const leftovers = unwrap(await platform.leftovers(signal))
      const snapshot = unwrap(await platform.observe(desired, { signal }))
      const services = desired.services.map(({ name }) => name)
      const { releases, current } = snapshot
      return ok({
        plan: planCleanup(leftovers, { environment, services, releases, current, volumes, pruneData }),
        snapshot,
        desired,
      })
    },
  })
  return reportOperation(result, {
    operation: 'cleanup',
    environment,
    dryRun: args.dryRun === true,
    // That nothing is to be done is said where the plan is shown.
    text: (view) =>
      result.outcome === 'done' && !args.dryRun && result.plan && !isEmpty(result.plan)
        ? `cleanup ${environment} done ${since(started, view)}\n`
        : '',
  })
}

const nothingLeft = (environment: string, platform: PlatformName) => ({
  code: 'nothing-to-clean-up',
  message: `${environment} runs on ${platform}, where nothing is left behind that cleanup could remove`,
  why: 'it removes containers, networks, volumes and images from a Docker engine, and values and claims of earlier releases from a cluster',
  outcome: 'unchanged' as const,
})

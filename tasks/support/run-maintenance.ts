import type { Desired } from '../../lib/model/desired.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import type { Platform } from '../../lib/model/platform.ts'
import { type ProxyService, planMaintenance, proxiesOf } from '../../lib/plan/maintenance.ts'
import { finish, type TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { reportOperation, since } from './result.ts'
import { openSession } from './session.ts'

type Context = TaskContext & { args: PlanFlags & { readonly environment: string } }
type State = ProxyService & { on: boolean }

/** `task maintenance on|off` */
export async function runMaintenance(scope: Scope, context: Context, on: boolean) {
  const { args } = context
  const started = performance.now()
  const session = await openSession(scope, context, { environment: args.environment, needs: 'environment' })
  const { desired, platform } = session
  const operation = `maintenance ${on ? 'on' : 'off'}`
  const result = await operate(context, session, args, {
    purpose: operation,
    covers: [],
    again: operation,
    prepare: async (signal) => {
      const states = await statesOf(desired, platform, signal)
      const snapshot = unwrap(await platform.observe(desired, { signal }))
      return ok({ plan: planMaintenance(desired, on, states), snapshot, desired })
    },
  })
  return reportOperation(result, {
    operation,
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => {
      if (result.outcome !== 'done' || args.dryRun) return ''
      return `${desired.environment} ${on ? 'answers 503' : 'answers requests'} ${since(started, view)}\n`
    },
  })
}

/** `task maintenance status` */
export async function runMaintenanceStatus(
  scope: Scope,
  context: TaskContext & { args: { readonly environment: string } },
) {
  const session = await openSession(scope, context, { environment: context.args.environment, needs: 'environment' })
  const { desired, platform } = session
  const proxies = await statesOf(desired, platform, context.signal)
  const lines = proxies.map(
    ({ service, on }) => `${service} ${on ? 'answers 503: maintenance is on' : 'lets requests through'}\n`,
  )
  return finish('done', {
    environment: desired.environment,
    on: proxies.every(({ on }) => on),
    proxies,
    text: () => lines.join(''),
  })
}

/** How each proxy of the environment is now. Throws where there is none, or it does not run. */
async function statesOf(desired: Desired, platform: Platform, signal: AbortSignal): Promise<State[]> {
  const proxies = proxiesOf(desired)
  const { maintenance } = platform
  if (!maintenance || proxies.length === 0) {
    throw new FailureError({
      code: 'no-proxy',
      message: `${desired.environment} has no proxy that could answer in place of its services`,
      why: maintenance
        ? 'none of its services says which others get requests through it'
        : `on the platform ${desired.platform} no service is one`,
      next: ['docs/proxy.md says what a proxy needs'],
      outcome: 'unchanged',
    })
  }
  return Promise.all(proxies.map(async (proxy) => ({ ...proxy, on: unwrap(await maintenance(proxy, signal)) })))
}

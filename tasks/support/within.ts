import { AsyncLocalStorage } from 'node:async_hooks'
import { ok } from '../../lib/model/failure.ts'
import type { OpOf } from '../../lib/model/op.ts'
import type { Platform } from '../../lib/model/platform.ts'

/** The release that runs while a hook is at work, where the records name another one as the current until the hook's operation ends. */
type Within = { environment: string; release: number }

const within = new AsyncLocalStorage<Within>()
/** At these moments the services of the hook's own release run already. */
const switched = new Set<OpOf<'run-hook'>['data']['moment']>(['beforeGate', 'afterHealthy', 'afterRollback'])

/** Calls a hook's task so that operations which it calls go by the release that runs at its moment. */
export function withinHook<T>(
  { moment, arguments: given }: OpOf<'run-hook'>['data'],
  work: () => Promise<T>,
): Promise<T> {
  if (!switched.has(moment)) return work()
  return within.run({ environment: given.environment, release: given.release }, work)
}

/** The platform of an environment as an operation sees it that may have been called by a hook: a restart there keeps to the new release. */
export function asHooksSee<Observed extends Platform>(platform: Observed, environment: string): Observed {
  const now = within.getStore()
  if (now?.environment !== environment) return platform
  return {
    ...platform,
    async observe(...given) {
      const observed = await platform.observe(...given)
      return observed.ok ? ok({ ...observed.value, current: now.release }) : observed
    },
  }
}

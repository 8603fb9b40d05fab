import { isDeepStrictEqual } from 'node:util'
import { type Failure, FailureError, failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import { applyObjects, generationsOf, referencesOf, removeBlockingPods, removeObjects } from '../apply.ts'
import type { KubernetesContext } from '../context.ts'
import { type Inventory, readInventory, writeInventory } from '../inventory.ts'
import {
  ensureNamespaces,
  ensureSecret,
  onlyReleases,
  preparedFor,
  surroundings,
  withoutData,
} from '../service-objects.ts'
import { turnOf } from '../turns.ts'

/** Applies a service's objects as a release has them, and removes those that an earlier release of it had and this one lacks. */
export const startService = (cluster: KubernetesContext): Handler<'start-service'> => ({
  async run(op, context) {
    try {
      return await start(cluster, op, context)
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check(op) {
    const inventory = await readInventory(cluster, op.data.service)
    return isAsWanted(inventory, op) ? 'done' : 'pending'
  },
})

async function start(
  cluster: KubernetesContext,
  op: OpOf<'start-service'>,
  context: OpContext,
): Promise<Result<OpResult>> {
  const { service, spec, fingerprint, before, lane } = op.data
  const { signal, output } = context
  if (spec.source.kind !== 'release') return failed(onlyReleases(service, cluster))
  const inventory = await readInventory(cluster, service)
  const changed =
    before !== null && inventory?.fingerprint && !isDeepStrictEqual(inventory.fingerprint, withoutMissing(before))
  if (changed && !isDeepStrictEqual(inventory.fingerprint, fingerprint)) return failed(changedMeanwhile(service))
  const prepared = await preparedFor(cluster, spec, lane?.colour, context)
  if (!prepared.ok) return prepared
  const { objects, secret } = prepared.value
  const namespaced = await ensureNamespaces(cluster, objects)
  if (!namespaced.ok) return namespaced
  const turn = turnOf(inventory, objects, op.data)
  const partly: Inventory = {
    service,
    release: spec.source.release,
    startedAt: cluster.clock.wall().toISOString(),
    objects: turn.during,
    applied: [],
    generations: {},
    ...(spec.kubernetes?.settleMs !== undefined && { settleMs: spec.kubernetes.settleMs }),
    ...(turn.colours && { colours: turn.colours, live: lane?.live ?? lane?.colour ?? 'plain' }),
  }
  // Written first: whoever finds the half of it knows what may be there.
  await writeInventory(cluster, partly)
  cluster.before.set(service, { objects: await surroundings(cluster, objects, signal), at: cluster.clock.now() })
  if (secret) {
    const made = await ensureSecret(cluster, service, secret)
    if (!made.ok) return made
  }
  const applied = await applyObjects(cluster.kubectl, turn.now, signal)
  if (!applied.ok)
    return failed(...(applied.failures.map((failure): Failure => ({ ...failure, service })) as [Failure]))
  const removed = await removeObjects(cluster.kubectl, turn.gone, signal, output)
  if (!removed.ok) return removed
  const unblocked = await removeBlockingPods(cluster.kubectl, applied.value, signal, output)
  if (!unblocked.ok) return unblocked
  await writeInventory(cluster, {
    ...partly,
    objects: turn.after,
    generations: generationsOf(applied.value),
    ...(turn.live && { live: turn.live }),
    ...(turn.complete ? { applied: objects.map(withoutData), fingerprint } : { gated: referencesOf(turn.now) }),
  })
  return ok({ message: `${turn.now.length} objects${removed.value > 0 ? `, ${removed.value} removed` : ''}` })
}

/** What was noticed as missing when the plan was made is no difference to what runs. */
const withoutMissing = (before: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(before).filter(([, digest]) => digest !== 'missing' && digest !== 'drifted'))

function isAsWanted(inventory: Inventory | undefined, { data }: OpOf<'start-service'>): boolean {
  const { source } = data.spec
  // Beside the old pods it was started; steps that follow make it the one.
  const own = inventory?.gated && data.lane ? inventory.colours?.[data.lane.colour] : undefined
  if (own?.fingerprint && source.kind === 'release')
    return isDeepStrictEqual(own.fingerprint, data.fingerprint) && own.release === source.release
  return (
    inventory?.fingerprint !== undefined &&
    isDeepStrictEqual(inventory.fingerprint, data.fingerprint) &&
    inventory.release === (source.kind === 'release' ? source.release : undefined)
  )
}

const changedMeanwhile = (service: string): Failure => ({
  code: 'changed-meanwhile',
  message: `${service} was applied by somebody else since the plan was made`,
  service,
  next: ['task services status', 'run the command again: it plans anew'],
  outcome: 'unchanged',
})

import { type Failure, FailureError, failed, ok } from '../../../model/failure.ts'
import { referenceOf } from '../../../model/kubernetes-object.ts'
import type { Handler } from '../../../model/platform.ts'
import { applyObjects, generationsOf } from '../apply.ts'
import { deploymentOf, replicasOf, shareOf, withReplicas } from '../colours.ts'
import type { KubernetesContext } from '../context.ts'
import { type Inventory, readInventory, writeInventory } from '../inventory.ts'
import { preparedFor, surroundings, withoutData } from '../service-objects.ts'
import { completed } from '../turns.ts'
import { notThere } from './switch-traffic.ts'

/**
 * Takes the next step of a canary: so many new pods, and of the old ones as many fewer as new ones have passed their gate. At no moment are fewer
 * pods wanted than the service has. At 100 % the new release is what the service runs.
 */
export const shiftReplicas = (cluster: KubernetesContext): Handler<'shift-replicas'> => ({
  async run({ data }, context) {
    const { service, spec, to, from, percent, proven } = data
    try {
      const inventory = await readInventory(cluster, service)
      const prepared = await preparedFor(cluster, spec, to, context)
      if (!prepared.ok) return prepared
      const { objects } = prepared.value
      const fresh = deploymentOf(objects)
      if (!inventory || !fresh) return failed(notThere(service))
      const all = replicasOf(fresh)
      const old = inventory.colours?.[from]?.deployment
      const news = shareOf(all, percent)
      const olds = all - shareOf(all, proven)
      cluster.before.set(service, {
        objects: await surroundings(cluster, [fresh], context.signal),
        at: cluster.clock.now(),
      })
      const wanted = [withReplicas(fresh, news), ...(old ? [withReplicas(old, Math.min(olds, replicasOf(old)))] : [])]
      const applied = await applyObjects(cluster.kubectl, wanted, context.signal)
      if (!applied.ok) return applied
      const stepped: Inventory = {
        ...inventory,
        generations: { ...inventory.generations, ...generationsOf(applied.value) },
        colours: { ...inventory.colours, [to]: { ...(inventory.colours?.[to] ?? { objects: [] }), percent } },
      }
      if (percent < 100) await writeInventory(cluster, { ...stepped, gated: [referenceOf(fresh)] })
      else await writeInventory(cluster, completed(stepped, objects, objects.map(withoutData), data))
      return ok({ message: `${news} of ${all} pods are new` })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check({ data: { service, to, percent } }) {
    const inventory = await readInventory(cluster, service)
    const isThere = inventory?.fingerprint ? inventory.live === to : (inventory?.colours?.[to]?.percent ?? 0) >= percent
    return isThere ? 'done' : 'pending'
  },
})

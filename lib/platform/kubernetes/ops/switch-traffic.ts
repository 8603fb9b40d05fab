import { type Failure, FailureError, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { applyObjects } from '../apply.ts'
import { trafficOf } from '../colours.ts'
import type { KubernetesContext } from '../context.ts'
import { readInventory, writeInventory } from '../inventory.ts'
import { preparedFor, withoutData } from '../service-objects.ts'
import { completed } from '../turns.ts'

/** Applies the Services of a service, which select the new colour. Doing it again changes nothing. */
export const switchTraffic = (cluster: KubernetesContext): Handler<'switch-traffic'> => ({
  async run({ data }, context) {
    try {
      const inventory = await readInventory(cluster, data.service)
      if (!inventory) return failed(notThere(data.service))
      const prepared = await preparedFor(cluster, data.spec, data.to, context)
      if (!prepared.ok) return prepared
      const { objects } = prepared.value
      const services = trafficOf(objects)
      const applied = await applyObjects(cluster.kubectl, services, context.signal)
      if (!applied.ok) return applied
      await writeInventory(cluster, completed(inventory, objects, objects.map(withoutData), data))
      return ok({ message: services.map(({ metadata }) => metadata.name).join(', ') })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check({ data }) {
    const inventory = await readInventory(cluster, data.service)
    return inventory?.live === data.to && inventory.fingerprint ? 'done' : 'pending'
  },
})

/** A step of a service that has nothing on the cluster. */
export const notThere = (service: string): Failure => ({
  code: 'changed-meanwhile',
  message: `${service} is not on the cluster any more`,
  service,
  next: ['task services status', 'run the command again: it plans anew'],
})

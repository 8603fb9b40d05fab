import { type Failure, FailureError, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { missingFrom, removeObjects } from '../apply.ts'
import type { KubernetesContext } from '../context.ts'
import { isEnvironment } from '../environment-objects.ts'
import { readInventory, removeInventory } from '../inventory.ts'

/** Removes a service's objects; claims, namespaces and definitions stay, and what earlier releases of it need. */
export const stopService = (cluster: KubernetesContext): Handler<'stop-service'> => ({
  async run(op, { signal, output }) {
    try {
      const { service } = op.data
      const inventory = await readInventory(cluster, service)
      if (!inventory) return ok({ message: 'was not there' })
      const beside = Object.values(inventory.colours ?? {}).flatMap(({ objects }) => objects)
      const all = [...inventory.objects, ...missingFrom(beside, inventory.objects)]
      const objects = all.filter(({ kind, name }) => !isEnvironment(service, kind, name))
      const removed = await removeObjects(cluster.kubectl, objects, signal, output)
      if (!removed.ok) return removed
      await removeInventory(cluster, service)
      return ok({ message: `${removed.value} objects removed` })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  check: async (op) => ((await readInventory(cluster, op.data.service)) ? 'pending' : 'done'),
})

import { compareObject } from '../../../manifest/kubernetes/compare.ts'
import { type Failure, FailureError, failed, ok } from '../../../model/failure.ts'
import { referenceKey, referenceOf } from '../../../model/kubernetes-object.ts'
import type { Handler } from '../../../model/platform.ts'
import { routeKinds } from '../../../plan/kubernetes/manifest-shape.ts'
import { applyObjects, missingFrom, readObjects, referencesOf, removeObjects } from '../apply.ts'
import { byReference } from '../changes.ts'
import type { KubernetesContext } from '../context.ts'
import { readInventory, writeInventory } from '../inventory.ts'
import { fieldManager } from '../names.ts'
import { preparedFor } from '../service-objects.ts'
import { notThere } from './switch-traffic.ts'

/** Applies what leads requests from outside to a service, and removes what led them there before and is gone from its manifests. */
export const applyRoutes = (cluster: KubernetesContext): Handler<'apply-routes'> => ({
  async run({ data: { service, spec } }, context) {
    try {
      const inventory = await readInventory(cluster, service)
      if (!inventory) return failed(notThere(service))
      const prepared = await preparedFor(cluster, spec, undefined, context)
      if (!prepared.ok) return prepared
      const routes = prepared.value.objects.filter(({ kind }) => routeKinds.has(kind))
      const applied = await applyObjects(cluster.kubectl, routes, context.signal)
      if (!applied.ok) return applied
      const old = inventory.objects.filter(({ kind }) => routeKinds.has(kind))
      const gone = missingFrom(old, referencesOf(routes))
      const removed = await removeObjects(cluster.kubectl, gone, context.signal, context.output)
      if (!removed.ok) return removed
      await writeInventory(cluster, { ...inventory, objects: missingFrom(inventory.objects, gone) })
      return ok({ message: routes.map(({ metadata }) => metadata.name).join(', ') })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  async check({ data: { service } }) {
    const inventory = await readInventory(cluster, service)
    const wanted = (inventory?.applied ?? []).filter(({ kind }) => routeKinds.has(kind))
    const known = (inventory?.objects ?? []).filter(({ kind }) => routeKinds.has(kind))
    const live = await readObjects(cluster.kubectl, referencesOf(wanted))
    if (!live.ok) return 'unknown'
    const there = byReference(live.value)
    const same = wanted.every((object) => {
      const now = there.get(referenceKey(referenceOf(object)))
      return now && compareObject(object, now, { manager: fieldManager }).fields.length === 0
    })
    return inventory && same && missingFrom(known, referencesOf(wanted)).length === 0 ? 'done' : 'pending'
  },
})

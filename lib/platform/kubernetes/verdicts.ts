import {
  type KubernetesObject,
  type ObjectReference,
  referenceKey,
  referenceOf,
} from '../../model/kubernetes-object.ts'
import type { ObservedService, ServiceState } from '../../model/snapshot.ts'
import { byReference, driftOf } from './changes.ts'
import type { Inventory } from './inventory.ts'
import { readNow, verdictLines } from './readiness/index.ts'
import { gatedKinds } from './watch.ts'

/** The objects of an inventory that are waited for. A Service of type ClusterIP is ready as it is. */
export const targetsOf = (inventory: Inventory): ObjectReference[] =>
  inventory.objects.filter((reference) => gatedKinds.has(reference.kind))

/**
 * A service as the cluster shows it at one moment: running when everything is ready, `error` when there is proof that it will not be,
 * `pending` in between.
 */
export function stateOf(inventory: Inventory, objects: KubernetesObject[], at: Date): ObservedService {
  const targets = readNow(targetsOf(inventory), objects)
  const there = new Set(objects.map((object) => referenceKey(referenceOf(object))))
  const gone = inventory.objects.filter((reference) => !there.has(referenceKey(reference)))
  const failed = targets.some(({ state }) => state === 'failed')
  const ready = targets.every(({ state }) => state === 'ready')
  const pods = objects.filter(({ kind }) => kind === 'Pod')
  const state: ServiceState = {
    service: inventory.service,
    status: failed ? 'error' : ready ? 'running' : 'pending',
    health: failed ? 'unhealthy' : ready ? 'healthy' : 'unknown',
    ...((failed || !ready) && { reason: verdictLines({ targets })[0] ?? 'it is not ready' }),
    ports: {},
    restarts: restartsOf(pods),
    startedAt: inventory.startedAt,
    uptimeMs: Math.max(0, at.getTime() - Date.parse(inventory.startedAt)),
    ...(inventory.release !== undefined && { release: inventory.release }),
    last_updated: at.toISOString(),
  }
  if (inventory.fingerprint === undefined) return { ...state, reason: 'its apply was begun and not ended' }
  // What is missing, or was changed by somebody else, is no part of what it was started with.
  const missing = Object.fromEntries(gone.map(({ kind, name }) => [`missing ${kind}/${name}`, 'missing']))
  return {
    ...state,
    fingerprint: { ...inventory.fingerprint, ...missing, ...driftOf(inventory, byReference(objects)) },
  }
}

function restartsOf(pods: KubernetesObject[]): number {
  const counts = pods.flatMap(
    ({ status }) =>
      (status as { containerStatuses?: { restartCount?: number }[] } | undefined)?.containerStatuses ?? [],
  )
  return counts.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)
}

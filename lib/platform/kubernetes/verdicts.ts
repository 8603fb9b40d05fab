import {
  type KubernetesObject,
  type ObjectReference,
  referenceKey,
  referenceOf,
} from '../../model/kubernetes-object.ts'
import type { Colour } from '../../model/rollout.ts'
import type { ObservedService, ServiceState } from '../../model/snapshot.ts'
import { byReference, driftOf } from './changes.ts'
import { selectedColour } from './colours.ts'
import type { Inventory } from './inventory.ts'
import { readNow, verdictLines } from './readiness/index.ts'
import { gatedKinds } from './watch.ts'

/** The objects of an inventory that are waited for. A Service of type ClusterIP is ready as it is. */
export const targetsOf = ({ objects }: Pick<Inventory, 'objects'>): ObjectReference[] =>
  objects.filter((reference) => gatedKinds.has(reference.kind))

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
  const colours = coloursSeen(inventory, objects)
  if (inventory.fingerprint === undefined)
    return { ...state, reason: state.reason ?? 'its apply was begun and not ended', ...colours }
  // What is missing, or was changed by somebody else, is no part of what it was started with.
  const missing = Object.fromEntries(gone.map(({ kind, name }) => [`missing ${kind}/${name}`, 'missing']))
  return {
    ...state,
    ...colours,
    fingerprint: { ...inventory.fingerprint, ...missing, ...driftOf(inventory, byReference(objects)) },
  }
}

/** The Deployments that take turns. Who gets requests is what the Services say: a run may have died before it was written down. */
function coloursSeen(
  { live, colours, objects: own }: Inventory,
  objects: KubernetesObject[],
): Pick<ObservedService, 'colours'> {
  if (live === undefined || !colours) return {}
  const seen = selectedColour(objects, own)
  const now = seen !== undefined && colours[seen] ? seen : live
  const other = (Object.keys(colours) as Colour[]).find((colour) => colour !== now)
  const stateOf = (colour: Colour) => {
    const { release, fingerprint } = colours[colour] ?? {}
    return { colour, ...(release !== undefined && { release }), ...(fingerprint && { fingerprint }) }
  }
  const kept = other !== undefined && now === live && colours[other]?.kept === true
  return {
    colours: {
      live: stateOf(now),
      ...(other !== undefined && { beside: { ...stateOf(other), ...(kept && { kept: true as const }) } }),
    },
  }
}

function restartsOf(pods: KubernetesObject[]): number {
  const counts = pods.flatMap(
    ({ status }) =>
      (status as { containerStatuses?: { restartCount?: number }[] } | undefined)?.containerStatuses ?? [],
  )
  return counts.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)
}

import { type Fields, field, numberOf, textOf } from '../../../manifest/fields.ts'
import { compareObject } from '../../../manifest/kubernetes/compare.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { type Amounts, added, type ContainerLimits, podResources, times } from './pod-resources.ts'

/** What a workload takes of a quota at the highest point of its rollout, and what it takes now, by the quota's names of resources. */
export type Demand = { pods: number; peak: Amounts; now: Amounts }

const unit = 10n ** 9n

/** What one pod takes of a quota: `cpu` and `requests.cpu` are the same there. */
function quotaAmounts(spec: Fields, limits: ContainerLimits): Map<string, bigint> {
  const { requests, limits: most } = podResources(spec, limits)
  const found = new Map<string, bigint>([
    ['pods', unit],
    ['count/pods', unit],
  ])
  for (const [name, amount] of requests) {
    found.set(`requests.${name}`, amount)
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage') found.set(name, amount)
  }
  for (const [name, amount] of most) found.set(`limits.${name}`, amount)
  return found
}

/** A count that may be a share of the replicas: `25%`; shares round up for a surge. */
function countOf(value: unknown, replicas: number, fallback: string): number {
  const given = value ?? fallback
  if (typeof given === 'number') return given
  const share = String(given).match(/^(\d+)%$/)
  return share ? Math.ceil((Number(share[1]) * replicas) / 100) : 0
}

/** How many pods of an object run when it is done; of Jobs those that run at once. A DaemonSet's depends on the nodes. */
export function replicasOf(object: KubernetesObject, nodes: number): number {
  if (object.kind === 'Pod') return 1
  if (object.kind === 'DaemonSet') return nodes
  if (object.kind === 'Job')
    return Math.min(numberOf(object, 'spec', 'parallelism') ?? 1, numberOf(object, 'spec', 'completions') ?? 1)
  if (object.kind === 'CronJob') return 0
  return numberOf(object, 'spec', 'replicas') ?? 1
}

/**
 * What rolling an object out takes. Only Deployments have old and new pods beside each other (DaemonSets where they are told to): as many
 * more as the surge says. Others end a pod before the next one starts.
 */
export function demandOf(
  object: KubernetesObject,
  live: KubernetesObject | undefined,
  limits: ContainerLimits,
  nodes: number,
): Demand | undefined {
  const spec = podSpecOf(object)
  if (!spec) return undefined
  const before = live && podSpecOf(live)
  const wanted = replicasOf(object, nodes)
  const running = live ? replicasOf(live, nodes) : 0
  const one = quotaAmounts(spec, limits)
  const old = before ? quotaAmounts(before, limits) : one
  const now = times(old, running)
  const rolls =
    live !== undefined && compareObject(object, live).fields.some(({ path }) => path.startsWith('spec.template'))
  const surge = rolls ? surgeOf(object, wanted) : 0
  const begin = added([times(old, running), times(one, surge)])
  const end = added([times(one, wanted), times(old, Math.min(surge, running))])
  const peak = new Map(
    [...end].map(([name, amount]) => [name, amount > (begin.get(name) ?? 0n) ? amount : (begin.get(name) ?? 0n)]),
  )
  for (const [name, amount] of begin) if (!peak.has(name)) peak.set(name, amount)
  return { pods: Math.max(wanted, running) + surge, peak: rolls ? peak : times(one, Math.max(wanted, running)), now }
}

function surgeOf(object: KubernetesObject, replicas: number): number {
  if (object.kind === 'Deployment') {
    if (textOf(object, 'spec', 'strategy', 'type') === 'Recreate') return 0
    return countOf(field(object, 'spec', 'strategy', 'rollingUpdate', 'maxSurge'), replicas, '25%')
  }
  if (object.kind === 'DaemonSet')
    return countOf(field(object, 'spec', 'updateStrategy', 'rollingUpdate', 'maxSurge'), replicas, '0%')
  return 0
}

import { field, fieldsOf } from '../../../manifest/fields.ts'
import type { Finding } from '../../../model/finding.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { selects } from './node-selector.ts'
import { replicasOf } from './rollout-peak.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

/**
 * PodDisruptionBudgets that never allow an eviction: nodes cannot be drained, and a revert of a StatefulSet that waits for evictions never
 * ends. Rollouts themselves do not ask them.
 */
export function disruptionBudgetRule(input: PreflightInput): Finding[] {
  return input.planned.flatMap((one) => {
    const { object } = one
    if (object.kind !== 'PodDisruptionBudget') return []
    const workloads = ['Deployment', 'StatefulSet'].flatMap((kind) => objectsOf(input, kind, object.metadata.namespace))
    const covered = workloads.filter((workload) => {
      const labels = fieldsOf(workload, 'spec', 'template', 'metadata', 'labels') as Readonly<Record<string, string>>
      return selects(field(object, 'spec', 'selector'), labels)
    })
    const replicas = covered.reduce((sum, workload) => sum + replicasOf(workload, 0), 0)
    if (covered.length === 0 || replicas === 0 || allowed(object, replicas) > 0) return []
    const text = `blocks every eviction: ${said(object)} of ${replicas} ${replicas === 1 ? 'pod' : 'pods'} leaves none that may go`
    const mend = replicas === 1 ? 'run 2 replicas, or set maxUnavailable: 1' : 'set maxUnavailable: 1 instead'
    return [findingAbout(one, 'disruption-budget-blocks', 'warning', text, mend)]
  })
}

/** How many pods may be away at once. Shares of both fields round up. */
function allowed(budget: KubernetesObject, replicas: number): number {
  const least = field(budget, 'spec', 'minAvailable')
  const most = field(budget, 'spec', 'maxUnavailable')
  if (most !== undefined) return amount(most, replicas)
  return least === undefined ? replicas : replicas - amount(least, replicas)
}

function amount(value: unknown, replicas: number): number {
  const share = String(value).match(/^(\d+)%$/)
  return share ? Math.ceil((Number(share[1]) * replicas) / 100) : Number(value)
}

function said(budget: KubernetesObject): string {
  const key = field(budget, 'spec', 'maxUnavailable') === undefined ? 'minAvailable' : 'maxUnavailable'
  return `${key} ${field(budget, 'spec', key)}`
}

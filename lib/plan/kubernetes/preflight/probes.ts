import { field, fieldsOf, itemsOf, textOf } from '../../../manifest/fields.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import { selects } from './node-selector.ts'
import { replicasOf } from './rollout-peak.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

/**
 * Containers with ports and no readiness probe: they get requests before they can answer, and a crash after the start looks ready. And
 * workloads of several replicas that no PodDisruptionBudget keeps from being drained at once.
 */
export function probesRule(input: PreflightInput): Finding[] {
  return input.planned.flatMap((one) => {
    const { object } = one
    if (!['Deployment', 'StatefulSet', 'DaemonSet'].includes(object.kind)) return []
    const bare = itemsOf(podSpecOf(object), 'containers').filter(
      (container) => itemsOf(container, 'ports').length > 0 && field(container, 'readinessProbe') === undefined,
    )
    const found = bare.map((container) => {
      const port = field(itemsOf(container, 'ports')[0], 'containerPort')
      const text = `the container ${textOf(container, 'name') ?? ''} has no readiness probe: it gets requests as soon as it runs`
      return findingAbout(
        one,
        'probe-missing',
        'warning',
        text,
        `add readinessProbe: {tcpSocket: {port: ${port}}}, or an httpGet of its health path`,
      )
    })
    const labels = fieldsOf(object, 'spec', 'template', 'metadata', 'labels') as Readonly<Record<string, string>>
    const budgets = objectsOf(input, 'PodDisruptionBudget', object.metadata.namespace)
    const guarded = budgets.some((budget) => selects(field(budget, 'spec', 'selector'), labels))
    if (object.kind === 'DaemonSet' || guarded || replicasOf(object, 0) < 2) return found
    const text = `has ${replicasOf(object, 0)} replicas and no PodDisruptionBudget: a drain may end all of them at once`
    return [
      ...found,
      findingAbout(one, 'disruption-budget-missing', 'note', text, 'add a PodDisruptionBudget with maxUnavailable: 1'),
    ]
  })
}

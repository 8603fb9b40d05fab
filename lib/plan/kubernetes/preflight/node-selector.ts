import { type Fields, field, fieldsOf, isFields, itemsOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'

/** Why a node does not take a pod whatever is free on it: its labels or its taints. Undefined when it may take it. */
export function refusalOf(node: KubernetesObject, spec: Fields): 'labels' | 'taints' | undefined {
  const labels = node.metadata.labels ?? {}
  const selected = Object.entries(fieldsOf(spec, 'nodeSelector')).every(([key, value]) => labels[key] === value)
  const terms = itemsOf(
    spec,
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  )
  const fits =
    terms.length === 0 || terms.some((term) => itemsOf(term, 'matchExpressions').every((one) => meets(labels, one)))
  if (!selected || !fits) return 'labels'
  const taints = [
    ...itemsOf(node, 'spec', 'taints'),
    ...(field(node, 'spec', 'unschedulable') === true
      ? [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]
      : []),
  ]
  const tolerations = itemsOf(spec, 'tolerations')
  const repels = taints.some((taint) => {
    const effect = textOf(taint, 'effect')
    return effect !== 'PreferNoSchedule' && !tolerations.some((one) => tolerates(one, taint))
  })
  return repels ? 'taints' : undefined
}

/** A requirement on labels (`matchExpressions`), of nodes or of pods. */
export function meets(labels: Readonly<Record<string, string>>, requirement: unknown): boolean {
  const key = textOf(requirement, 'key') ?? ''
  const values = itemsOf(requirement, 'values').map(String)
  const value = labels[key]
  switch (textOf(requirement, 'operator')) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0])
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0])
    default:
      return true
  }
}

/** Whether labels meet a label selector (`matchLabels`, `matchExpressions`). An empty one selects everything. */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  if (!isFields(selector)) return false
  const named = Object.entries(fieldsOf(selector, 'matchLabels')).every(([key, value]) => labels[key] === value)
  return named && itemsOf(selector, 'matchExpressions').every((one) => meets(labels, one))
}

function tolerates(toleration: unknown, taint: unknown): boolean {
  const effect = textOf(toleration, 'effect')
  if (effect && effect !== textOf(taint, 'effect')) return false
  const key = textOf(toleration, 'key')
  if (textOf(toleration, 'operator') === 'Exists')
    return key === undefined || key === '' || key === textOf(taint, 'key')
  return key === textOf(taint, 'key') && (textOf(toleration, 'value') ?? '') === (textOf(taint, 'value') ?? '')
}

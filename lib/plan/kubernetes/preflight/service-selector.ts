import { type Fields, field, fieldsOf, itemsOf, textOf } from '../../../manifest/fields.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import { groupOf, type KubernetesObject } from '../../../model/kubernetes-object.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

const workloads = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob', 'Pod']

/** Services whose selector selects no pods of the plan or the namespace, and target ports by names that those pods do not have. */
export function serviceSelectorRule(input: PreflightInput): Finding[] {
  return input.planned.flatMap((one) => {
    const { object } = one
    const selector = Object.entries(fieldsOf(object, 'spec', 'selector'))
    if (object.kind !== 'Service' || selector.length === 0) return []
    const candidates = workloads.flatMap((kind) => objectsOf(input, kind, object.metadata.namespace))
    const selected = candidates.filter((candidate) => {
      const labels = labelsOf(candidate)
      return selector.every(([key, value]) => labels[key] === value)
    })
    if (selected.length > 0) return missingPorts(one, selected)
    // Pods that an operator makes of custom objects are not known beforehand.
    const custom = input.planned.some(({ object }) => isCustom(object.apiVersion))
    const text = `selects no pods: no template in the namespace ${object.metadata.namespace} has the labels ${selector.map(([key, value]) => `${key}=${value}`).join(', ')}`
    return [
      findingAbout(
        one,
        'service-selects-nothing',
        custom ? 'warning' : 'error',
        text,
        'make spec.selector and the labels of the pods the same',
      ),
    ]
  })
}

/** Whether an API is none of Kubernetes' own. */
function isCustom(apiVersion: string): boolean {
  const group = groupOf(apiVersion)
  return group.includes('.') && !group.endsWith('.k8s.io')
}

function labelsOf(object: KubernetesObject): Fields {
  if (object.kind === 'Pod') return object.metadata.labels ?? {}
  const template =
    object.kind === 'CronJob'
      ? field(object, 'spec', 'jobTemplate', 'spec', 'template')
      : field(object, 'spec', 'template')
  return fieldsOf(template, 'metadata', 'labels')
}

function missingPorts(one: Parameters<typeof findingAbout>[0], selected: readonly KubernetesObject[]): Finding[] {
  const names = new Set(
    selected.flatMap((object) =>
      [...itemsOf(podSpecOf(object), 'containers'), ...itemsOf(podSpecOf(object), 'initContainers')].flatMap(
        (container) => itemsOf(container, 'ports').map((port) => textOf(port, 'name')),
      ),
    ),
  )
  return itemsOf(one.object, 'spec', 'ports').flatMap((port) => {
    const target = field(port, 'targetPort')
    if (typeof target !== 'string' || names.has(target)) return []
    return [
      findingAbout(
        one,
        'service-port-missing',
        'error',
        `its port ${field(port, 'port')} leads to a port "${target}" that its pods do not have`,
        'name a port of the container so, or write its number',
      ),
    ]
  })
}

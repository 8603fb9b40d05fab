import { field, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { conditionOf, countOf, notYet } from './conditions.ts'
import { blockedBy, failureOfPods } from './newest-pods.ts'
import { isReady } from './pod-state.ts'
import { type Look, progressing, type Rule, ready } from './rule.ts'

/**
 * A DaemonSet. It has neither conditions nor a deadline, and is first seen with 0 of 0 desired and no observed generation. Pods on nodes
 * that are not ready are not waited for, as far as nodes were observed.
 */
export const daemonSetRule: Rule = {
  settles: true,
  read(object, look) {
    const early = notYet(object, look, true)
    if (early) return early
    const pods = look.observed.ownedBy(object.metadata.uid ?? '').filter(({ kind }) => kind === 'Pod')
    const lost = onUnreadyNodes(pods, look)
    const desired = countOf(object, 'desiredNumberScheduled')
    const updated = countOf(object, 'updatedNumberScheduled')
    const available = countOf(object, 'numberAvailable')
    const wanted = Math.max(0, desired - lost)
    const message = `${available} of ${desired} available, ${updated} updated${lost > 0 ? `, ${lost} on nodes that are not ready` : ''}`
    const newest = newestPods(object, pods)
    const failure = failureOfPods(newest, updated, look)
    if (failure) return failure
    if (updated >= wanted && available >= wanted) return ready(message)
    if (textOf(object, 'spec', 'updateStrategy', 'type') === 'OnDelete' && updated < wanted) {
      const text = `${wanted - updated} pods keep the old revision until they are deleted by hand (updateStrategy OnDelete)`
      return progressing(message, { cause: { text, mayHeal: true, hint: true } })
    }
    return blockedBy(newest, look, message)
  },
}

/** Pods of the newest template: the label has its generation, which the DaemonSet carries as an annotation. */
function newestPods(object: KubernetesObject, pods: readonly KubernetesObject[]): KubernetesObject[] {
  const generation = object.metadata.annotations?.['deprecated.daemonset.template.generation']
  const labelOf = (pod: KubernetesObject) => pod.metadata.labels?.['pod-template-generation']
  const highest = generation ?? String(Math.max(0, ...pods.map((pod) => Number(labelOf(pod) ?? 0))))
  return pods.filter((pod) => labelOf(pod) === highest)
}

function onUnreadyNodes(pods: readonly KubernetesObject[], look: Look): number {
  const unready = new Set(
    look.observed
      .ofKind('Node')
      .filter((node) => conditionOf(node, 'Ready')?.status !== 'True')
      .map(({ metadata }) => metadata.name),
  )
  if (unready.size === 0) return 0
  return pods.filter((pod) => !isReady(pod) && unready.has(String(field(pod, 'spec', 'nodeName')))).length
}

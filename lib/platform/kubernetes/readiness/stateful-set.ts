import { numberOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { countOf, notYet, replicasOf } from './conditions.ts'
import { blockedBy, failureOfPods } from './newest-pods.ts'
import { podState } from './pod-state.ts'
import { failedFor, type Look, progressing, type Reading, type Rule, ready } from './rule.ts'

/**
 * A StatefulSet. It has neither conditions nor a progress deadline. After a revert its revisions are equal at once, so the updated
 * replicas decide; with OnDelete or a partition the revisions never become equal.
 */
export const statefulSetRule: Rule = {
  settles: true,
  read(object, look) {
    const early = notYet(object, look, true)
    if (early) return early
    const wanted = replicasOf(object)
    const partition = numberOf(object, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0
    const onDelete = textOf(object, 'spec', 'updateStrategy', 'type') === 'OnDelete'
    const updated = countOf(object, 'updatedReplicas')
    const toUpdate = Math.max(0, wanted - partition)
    const message = `${countOf(object, 'readyReplicas')} of ${wanted} ready, ${updated} of ${toUpdate} updated`
    const current = textOf(object, 'status', 'currentRevision')
    const newest = textOf(object, 'status', 'updateRevision')
    const revisions = partition > 0 || onDelete || current === newest
    const pods = look.observed.ownedBy(object.metadata.uid ?? '').filter(({ kind }) => kind === 'Pod')
    const ofNewest = pods.filter((pod) => revisionOf(pod) === newest)
    const failure = failureOfPods(ofNewest, updated, look) ?? stuck(object, pods, newest, partition, look)
    if (failure) return failure
    if (hasReplicas(object, wanted) && updated >= toUpdate && revisions) return ready(message)
    if (onDelete && updated < toUpdate) {
      const text = `${toUpdate - updated} pods keep the old revision until they are deleted by hand (updateStrategy OnDelete)`
      return progressing(message, { cause: { text, mayHeal: true, hint: true } })
    }
    return blockedBy(ofNewest, look, message)
  },
}

function hasReplicas(object: KubernetesObject, wanted: number): boolean {
  const waits = (numberOf(object, 'spec', 'minReadySeconds') ?? 0) > 0
  return (
    countOf(object, 'replicas') === wanted &&
    countOf(object, 'readyReplicas') === wanted &&
    (!waits || countOf(object, 'availableReplicas') >= wanted)
  )
}

const revisionOf = (pod: KubernetesObject): string | undefined =>
  pod.metadata.labels?.['controller-revision-hash'] ?? undefined

const ordinalOf = (pod: KubernetesObject): number => Number(pod.metadata.name.match(/-(\d+)$/)?.[1] ?? -1)

/**
 * With ordered pods the controller waits for a broken pod of another revision to become ready before it changes anything: a revert
 * never ends by itself.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
 */
function stuck(
  object: KubernetesObject,
  pods: readonly KubernetesObject[],
  newest: string | undefined,
  partition: number,
  look: Look,
): Reading | undefined {
  if (textOf(object, 'spec', 'podManagementPolicy') === 'Parallel') return undefined
  const blocking = pods.filter((pod) => {
    const older = revisionOf(pod) !== undefined && revisionOf(pod) !== newest && ordinalOf(pod) >= partition
    return older && ['doomed', 'failed'].includes(podState(pod, look).state)
  })
  if (blocking.length === 0 || newest === undefined) return undefined
  const names = blocking.map(({ metadata }) => metadata.name)
  const several = names.length > 1
  return failedFor(
    `revert is stuck: ${names.join(', ')} still ${several ? 'have' : 'has'} the old bad revision and must be deleted`,
    { pods: names, about: blocking.flatMap(({ metadata }) => (metadata.uid === undefined ? [] : [metadata.uid])) },
  )
}

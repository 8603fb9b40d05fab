import { canonicalText, field, fieldsOf, numberOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { conditionOf, countOf, notYet, replicasOf } from './conditions.ts'
import { createCause } from './create-cause.ts'
import { blockedBy, failureOfPods } from './newest-pods.ts'
import { inTimeText, type Look, progressing, type Reading, type Rule, ready } from './rule.ts'

/**
 * A Deployment. Counts decide, as the condition Progressing stays at NewReplicaSetAvailable through a scale-up; pods of older
 * ReplicaSets do not count, whatever state they are in.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
 */
export const deploymentRule: Rule = {
  settles: true,
  read(object, look) {
    const early = notYet(object, look, true)
    if (early) return early
    if (field(object, 'spec', 'paused') === true) {
      return progressing('paused', { cause: { text: 'the Deployment is paused', mayHeal: true, hint: true } })
    }
    const wanted = replicasOf(object)
    const message = `${countOf(object, 'availableReplicas')} of ${wanted} available, ${countOf(object, 'updatedReplicas')} updated`
    const newest = newestReplicaSet(object, look)
    const pods = newest?.metadata.uid ? look.observed.ownedBy(newest.metadata.uid) : []
    // The pods' own evidence goes before the counts, which follow it.
    const failure = failureOfPods(pods, countOf(object, 'updatedReplicas'), look)
    if (failure) return failure
    if (isComplete(object, wanted)) return ready(message)
    const held = notCreated(object, newest, message) ?? blockedBy(pods, look, message)
    return pastDeadline(object, look, held)
  },
}

function isComplete(object: KubernetesObject, wanted: number): boolean {
  const updated = countOf(object, 'updatedReplicas')
  const moving = conditionOf(object, 'Progressing')
  return (
    updated === wanted &&
    countOf(object, 'replicas') === updated &&
    countOf(object, 'availableReplicas') >= updated &&
    conditionOf(object, 'Available')?.status === 'True' &&
    (moving === undefined || moving.reason === 'NewReplicaSetAvailable')
  )
}

/** The ReplicaSet of the Deployment's template, as its controller finds it: the template is the same but for the label of the hash.
 * Its revision would name the one before for as long as that one is still being ended (strategy Recreate). */
function newestReplicaSet(object: KubernetesObject, look: Look): KubernetesObject | undefined {
  const owned = look.observed.ownedBy(object.metadata.uid ?? '').filter(({ kind }) => kind === 'ReplicaSet')
  const wanted = templateText(object)
  return owned.find((set) => templateText(set) === wanted)
}

const templates = new WeakMap<KubernetesObject, string>()

/** The template without the label of the hash, as text; made once for each version of an object. */
function templateText(object: KubernetesObject): string {
  const known = templates.get(object)
  if (known !== undefined) return known
  const template = field(object, 'spec', 'template')
  const { 'pod-template-hash': _, ...labels } = fieldsOf(template, 'metadata', 'labels')
  const annotations = fieldsOf(template, 'metadata', 'annotations')
  const text = canonicalText([labels, annotations, field(template, 'spec')])
  templates.set(object, text)
  return text
}

/** Pods that cannot be created at all (quota, admission, a missing ServiceAccount): no pod could say it. */
function notCreated(object: KubernetesObject, set: KubernetesObject | undefined, message: string): Reading | undefined {
  const failure = conditionOf(object, 'ReplicaFailure')
  if (failure?.status !== 'True') return undefined
  const cause = createCause(failure.message)
  const about = set?.metadata.uid === undefined ? [] : [set.metadata.uid]
  if (cause.mayHeal) return progressing(message, { cause, about })
  return { state: 'failed', message, cause, about, standsFor: 500 }
}

/**
 * ProgressDeadlineExceeded, which stays on from an earlier apply: it counts for the generation that was observed (seen to before), and only
 * when the deadline has run since our own apply.
 */
function pastDeadline(object: KubernetesObject, look: Look, held: Reading): Reading {
  const moving = conditionOf(object, 'Progressing')
  if (moving?.status !== 'False' || moving.reason !== 'ProgressDeadlineExceeded') return held
  const seconds = numberOf(object, 'spec', 'progressDeadlineSeconds') ?? 600
  const counts = look.appliedAt + seconds * 1000
  if (look.now < counts) return { ...held, lookAgainAt: counts }
  return { ...held, state: 'failed', cause: { text: inTimeText(held.cause), mayHeal: false } }
}

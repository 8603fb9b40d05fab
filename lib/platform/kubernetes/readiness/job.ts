import { field, numberOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { conditionOf, countOf, notYet } from './conditions.ts'
import { endedBadly, lastEnd } from './container-cause.ts'
import { blockedBy } from './newest-pods.ts'
import { containersOf, podState } from './pod-state.ts'
import { failedFor, type Look, progressing, type Reading, type Rule, ready } from './rule.ts'

/**
 * A Job: ready when it is complete, which is for good, also when the Job disappears afterwards (ttlSecondsAfterFinished). FailureTarget
 * comes before Failed, while pods still end. An image that is not there fails no Job by itself, so its pods are looked at; how often a
 * container may fail is the Job's own matter (backoffLimit).
 */
export const jobRule: Rule = {
  settles: false,
  read(object, look) {
    if (conditionOf(object, 'Complete')?.status === 'True') return ready('complete')
    const pods = look.observed.ownedBy(object.metadata.uid ?? '').filter(({ kind }) => kind === 'Pod')
    const failure = failureOf(object, pods)
    if (failure) return failure
    const early = notYet(object, look)
    if (early) return early
    if (field(object, 'spec', 'suspend') === true) {
      return progressing('suspended', { cause: { text: 'the Job is suspended', mayHeal: true, hint: true } })
    }
    const wanted = numberOf(object, 'spec', 'completions') ?? 1
    const message = `${countOf(object, 'succeeded')} of ${wanted} done, ${countOf(object, 'active')} active`
    return neverStarts(pods, look) ?? blockedBy(pods, look, message)
  },
}

function failureOf(object: KubernetesObject, pods: readonly KubernetesObject[]): Reading | undefined {
  const failed = ['Failed', 'FailureTarget']
    .map((type) => conditionOf(object, type))
    .find((one) => one?.status === 'True')
  if (!failed) return undefined
  const bad = pods.filter((pod) => containersOf(pod).some(({ status }) => endedBadly(status)))
  const codes = bad.flatMap((pod) =>
    containersOf(pod)
      .map(({ status }) => numberOf(lastEnd(status), 'exitCode'))
      .filter((code) => code !== undefined && code > 0),
  )
  const code = failed.message.match(/exit code (\d+)/)?.[1] ?? codes.at(-1)
  // Pods of a Job whose time is over are ended by KILL: their codes say nothing.
  const exits = failed.reason === 'DeadlineExceeded' || code === undefined ? '' : `; container exits ${code}`
  return failedFor(`${failed.reason || 'failed'}${exits}`, {
    pods: bad.map(({ metadata }) => metadata.name),
    about: bad.flatMap(({ metadata }) => (metadata.uid === undefined ? [] : [metadata.uid])),
  })
}

/** All pods of the Job are such that no further try helps. */
function neverStarts(pods: readonly KubernetesObject[], look: Look): Reading | undefined {
  const states = pods
    .filter((pod) => !pod.metadata.deletionTimestamp)
    .map((pod) => podState(pod, look))
    .filter(({ state }) => state !== 'gone' && state !== 'failed')
  const first = states[0]
  if (
    !first?.cause ||
    !states.every(({ state, cause }) => state === 'doomed' && !/ exits |OOMKilled/.test(cause?.text ?? ''))
  ) {
    return undefined
  }
  return failedFor(first.cause.text, {
    pods: states.map(({ pod }) => pod.metadata.name),
    about: states.flatMap(({ pod }) => (pod.metadata.uid === undefined ? [] : [pod.metadata.uid])),
  })
}

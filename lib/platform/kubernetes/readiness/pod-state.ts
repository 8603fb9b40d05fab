import { itemsOf, numberOf, textOf } from '../../../manifest/fields.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { conditionOf } from './conditions.ts'
import { type ContainerStatus, endCause, endedBadly, waitCause } from './container-cause.ts'
import { messageOf, probeText, reasonOf } from './event-text.ts'
import { missingText } from './missing-cause.ts'
import { firstLine } from './pull-cause.ts'
import type { Cause, Look } from './rule.ts'
import { scheduleCause } from './schedule-cause.ts'

/**
 * What a pod comes to.
 * - `doomed`: it will not run as it is.  - `crashing`: a container failed at least once more than it was started by us; not proof alone.
 * - `blocked`: it waits for something that may come.  - `gone`: moved away by the cluster (eviction, preemption); another one replaces it.
 */
export type PodState = {
  pod: KubernetesObject
  state: 'ready' | 'starting' | 'crashing' | 'blocked' | 'doomed' | 'failed' | 'gone'
  cause?: Cause
}

/** So many starts after a failing end leave no doubt, even where CrashLoopBackOff was never seen. */
const provenRestarts = 3

/** The containers' statuses of a pod, those of its init containers first. */
export function containersOf(pod: KubernetesObject): ContainerStatus[] {
  const read = (key: string, init: boolean) =>
    itemsOf(pod, 'status', key).map((status) => ({ status, init, name: textOf(status, 'name') ?? '' }))
  return [...read('initContainerStatuses', true), ...read('containerStatuses', false)]
}

/** Whether a container waits in CrashLoopBackOff. */
export const isLooping = (status: unknown): boolean =>
  textOf(status, 'state', 'waiting', 'reason') === 'CrashLoopBackOff'

/** Whether the pod's condition Ready holds. */
export const isReady = (pod: KubernetesObject): boolean => conditionOf(pod, 'Ready')?.status === 'True'

/** What a pod comes to, at this moment. */
export function podState(pod: KubernetesObject, look: Look): PodState {
  const events = look.observed.eventsAbout(pod.metadata.uid ?? '')
  const phase = textOf(pod, 'status', 'phase')
  if (phase === 'Succeeded' || pod.metadata.deletionTimestamp) return { pod, state: 'gone' }
  if (phase === 'Failed') return failedPod(pod, events)

  let crashing: Cause | undefined
  let blocked: Cause | undefined
  for (const container of containersOf(pod)) {
    const waits = waitCause(container, events)
    if (waits && !waits.mayHeal) return { pod, state: 'doomed', cause: waits }
    if (waits) blocked ??= waits
    const { status, name } = container
    const restarts = look.memory.restarts(pod, name, numberOf(status, 'restartCount') ?? 0)
    const looping = look.memory.crashed(pod, name)
    if (looping || (restarts >= provenRestarts && endedBadly(status))) {
      return { pod, state: 'doomed', cause: endCause(container, events, true) }
    }
    if ((restarts >= 1 && endedBadly(status)) || isLooping(status)) crashing ??= endCause(container, events, true)
  }
  if (isReady(pod)) return { pod, state: 'ready' }
  if (crashing) return { pod, state: 'crashing', cause: crashing }
  blocked ??= unscheduled(pod) ?? unmounted(pod, events)
  if (blocked) return { pod, state: 'blocked', cause: blocked }
  const hint = hintOf(events)
  return { pod, state: 'starting', ...(hint && { cause: hint }) }
}

/** A pod that ended: thrown out for what it does itself, moved away by the cluster, or failed. */
function failedPod(pod: KubernetesObject, events: readonly KubernetesObject[]): PodState {
  const reason = textOf(pod, 'status', 'reason') ?? ''
  const message = textOf(pod, 'status', 'message') ?? ''
  if (reason === 'Evicted') {
    const own = ownEviction(message)
    return own === undefined ? { pod, state: 'gone' } : { pod, state: 'failed', cause: { text: own, mayHeal: false } }
  }
  const disrupted = conditionOf(pod, 'DisruptionTarget')?.status === 'True'
  if (disrupted || transientReasons.has(reason) || reason.startsWith('OutOf')) return { pod, state: 'gone' }
  const ended = containersOf(pod).find(({ status }) => endedBadly(status))
  const text = reason || firstLine(message) || 'pod failed'
  return { pod, state: 'failed', cause: ended ? endCause(ended, events, false) : { text, mayHeal: false } }
}

/** Reasons of a failed pod that the cluster moved away, or that came to a node which could not take it. */
const transientReasons = new Set([
  'Preempting',
  'Preempted',
  'Shutdown',
  'NodeShutdown',
  'Terminated',
  'NodeLost',
  'NodeAffinity',
  'UnexpectedAdmissionError',
])

/** Evictions that the pod itself brings about, again and again: it uses more than it may. Others are the node's need. */
function ownEviction(message: string): string | undefined {
  const volume = message.match(/Usage of EmptyDir volume "[^"]*" exceeds the limit "([^"]+)"/)
  if (volume) return `pod evicted: emptyDir usage exceeds ${volume[1]}`
  const local = message.match(/ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?\s*$/)
  if (local) return `pod evicted: local storage usage exceeds ${local[1]}`
  return /exceeded its local ephemeral storage limit/.test(message) ? `pod evicted: ${firstLine(message)}` : undefined
}

function unscheduled(pod: KubernetesObject): Cause | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled')
  if (scheduled?.status !== 'False') return undefined
  if (scheduled.reason === 'Unschedulable') return scheduleCause(scheduled.message)
  return scheduled.reason === 'SchedulingGated'
    ? { text: 'a scheduling gate holds the pod back', mayHeal: true }
    : undefined
}

/** Volumes that do not come; only the events say so. */
function unmounted(pod: KubernetesObject, events: readonly KubernetesObject[]): Cause | undefined {
  if (textOf(pod, 'status', 'phase') !== 'Pending') return undefined
  const last = events
    .filter((event) => /^Failed(Mount|AttachVolume|MapVolume)$/.test(reasonOf(event)))
    .filter((event) => !/failed to sync .* cache/.test(messageOf(event)))
    .at(-1)
  if (!last) return undefined
  const message = messageOf(last)
  return { text: missingText(message) ?? `volume cannot be mounted: ${firstLine(message)}`, mayHeal: true }
}

/** What probes say while a pod is not ready. Usual at the start, so it is said when the time is over. */
function hintOf(events: readonly KubernetesObject[]): Cause | undefined {
  for (const kind of ['Readiness', 'Startup', 'Liveness'] as const) {
    const found = probeText(events, kind)
    if (found !== undefined) {
      return { text: `${kind.toLowerCase()} probe fails: ${found}`, mayHeal: true, hint: true }
    }
  }
  return undefined
}

import { numberOf, textOf } from '../../../manifest/fields.ts'
import type { Milliseconds } from '../../../model/duration.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { messageOf, reasonOf, subjectOf } from './event-text.ts'
import { containersOf, isLooping, isReady } from './pod-state.ts'
import type { Memory } from './rule.ts'

/**
 * What happened to pods since the apply and that later objects do not show: restarts before it, CrashLoopBackOff that showed for a moment,
 * readiness that came and went. `steadyFor`: a pod that was ready for so long has left its crashes behind.
 */
export class PodMemory implements Memory {
  readonly #before = new Map<string, number>()
  readonly #crashed = new Set<string>()
  readonly #ended = new Set<string>()
  readonly #restarts = new Map<string, number>()
  readonly #readySince = new Map<string, Milliseconds>()
  readonly #lost = new Map<string, number>()
  readonly #disturbed = new Map<string, Milliseconds>()
  readonly #steadyFor: Milliseconds
  #now: Milliseconds = 0

  constructor(steadyFor: Milliseconds) {
    this.#steadyFor = steadyFor
  }

  /** A pod that was there before the apply. */
  start(pod: KubernetesObject, now: Milliseconds): void {
    this.#now = now
    for (const { name, status } of containersOf(pod)) {
      this.#before.set(keyOf(pod, name), numberOf(status, 'restartCount') ?? 0)
    }
    this.#restarts.set(uidOf(pod), total(pod))
    if (isReady(pod)) this.#readySince.set(uidOf(pod), now)
    if (textOf(pod, 'status', 'phase') === 'Failed') this.#ended.add(uidOf(pod))
  }

  /** A pod as it is now. */
  see(pod: KubernetesObject, now: Milliseconds): void {
    this.#now = now
    const uid = uidOf(pod)
    // What runs well when it is first seen had its restarts before.
    if (!this.#restarts.has(uid) && isReady(pod)) this.start(pod, now)
    for (const { name, status } of containersOf(pod)) {
      const key = keyOf(pod, name)
      const before = this.#before.get(key)
      // A pod that looped before the apply is given one more chance: what it lacked may have been applied.
      const again = before === undefined || (numberOf(status, 'restartCount') ?? 0) > before
      if (again && isLooping(status)) this.#crashed.add(key)
    }
    const restarts = total(pod)
    if (restarts > (this.#restarts.get(uid) ?? 0)) this.#disturbed.set(uid, now)
    this.#restarts.set(uid, restarts)
    if (isReady(pod)) {
      if (!this.#readySince.has(uid)) this.#readySince.set(uid, now)
    } else if (this.#readySince.delete(uid) && !pod.metadata.deletionTimestamp) {
      this.#lost.set(uid, (this.#lost.get(uid) ?? 0) + 1)
      this.#disturbed.set(uid, now)
    }
  }

  /** An event since the apply. Some are the first sign of a failure that the pod's status shows only later, or never. */
  hear(event: KubernetesObject, now: Milliseconds): void {
    this.#now = now
    const uid = subjectOf(event)
    if (uid !== undefined && textOf(event, 'type') === 'Warning' && isSign(event)) this.#disturbed.set(uid, now)
  }

  /** Moves the clock on. */
  tick(now: Milliseconds): void {
    this.#now = now
  }

  /** When a pod last showed a sign that it may not stay: a restart, readiness lost, a probe of liveness failing. */
  disturbedAt(pod: KubernetesObject): Milliseconds | undefined {
    return this.#disturbed.get(uidOf(pod))
  }

  restarts(pod: KubernetesObject, container: string, count: number): number {
    if (this.#isSteady(pod)) return 0
    return Math.max(0, count - (this.#before.get(keyOf(pod, container)) ?? 0))
  }

  crashed(pod: KubernetesObject, container: string): boolean {
    return this.#crashed.has(keyOf(pod, container)) && !this.#isSteady(pod)
  }

  endedBefore(pod: KubernetesObject): boolean {
    return this.#ended.has(uidOf(pod))
  }

  lostReadiness(pods: readonly KubernetesObject[]): number {
    return pods.reduce((sum, pod) => sum + (this.#lost.get(uidOf(pod)) ?? 0), 0)
  }

  #isSteady(pod: KubernetesObject): boolean {
    const since = this.#readySince.get(uidOf(pod))
    if (since === undefined) return false
    return this.#now - Math.max(since, this.#disturbed.get(uidOf(pod)) ?? since) >= this.#steadyFor
  }
}

const uidOf = (pod: KubernetesObject): string => pod.metadata.uid ?? pod.metadata.name
const keyOf = (pod: KubernetesObject, container: string): string => `${uidOf(pod)}/${container}`
const total = (pod: KubernetesObject): number =>
  containersOf(pod).reduce((sum, { status }) => sum + (numberOf(status, 'restartCount') ?? 0), 0)

/** Events that announce a restart or an end. Readiness probes that fail show in the pod itself, as far as they matter. */
function isSign(event: KubernetesObject): boolean {
  const reason = reasonOf(event)
  if (reason === 'Unhealthy') return /^(Liveness|Startup) probe /.test(messageOf(event))
  return reason === 'BackOff' || reason === 'Evicted' || reason === 'OOMKilling' || reason === 'SystemOOM'
}

import type { Milliseconds } from '../../../model/duration.ts'
import type { KubernetesObject, ObjectReference } from '../../../model/kubernetes-object.ts'

/** Why something is not ready, for people: `image cannot be pulled: not found`. */
export type Cause = {
  text: string
  /**
   * Time, or another object, can remove it (a Secret that comes later, a registry that answers again): it is named at once, and decided
   * when the gate's patience or its deadline is over.
   */
  mayHeal: boolean
  /** A hint alone (a readiness probe fails while a container starts): named when the deadline is over. */
  hint?: boolean
}

/** What a rule reads off the observed objects at one moment. */
export type Reading = {
  state: 'ready' | 'progressing' | 'failed' | 'terminating'
  /** How far it is, for people: `2 of 3 ready`. */
  message: string
  /** Why it failed, or what keeps it from being ready. */
  cause?: Cause
  /** Names of the pods that the cause concerns. */
  pods?: readonly string[]
  /** What else speaks about the cause: its events are shown with the target's own (uids). */
  about?: readonly string[]
  /** A failure that may pass within moments counts when it stood for so long. */
  standsFor?: Milliseconds
  /** The passing of time alone changes the reading at this moment. */
  lookAgainAt?: Milliseconds
}

/** What rules may look at: objects as last seen, found by name, by owner, by the object that an event is about. */
export interface Observed {
  find(reference: ObjectReference): KubernetesObject | undefined
  ownedBy(uid: string): readonly KubernetesObject[]
  /** Events about an object that came, or came again, since the apply. */
  eventsAbout(uid: string): readonly KubernetesObject[]
  ofKind(kind: string): readonly KubernetesObject[]
}

/** What a container did since the apply, which later objects no longer show. */
export interface Memory {
  /** How often a container was started again since the apply. */
  restarts(pod: KubernetesObject, container: string, count: number): number
  /** Whether a container was seen waiting in CrashLoopBackOff since the apply (it may show for 0.1 s). */
  crashed(pod: KubernetesObject, container: string): boolean
  /** Whether a pod had ended before the apply: it is kept as a record, and another one runs in its place. */
  endedBefore(pod: KubernetesObject): boolean
  /** How often pods of an owner became ready and ceased to be so since the apply. */
  lostReadiness(pods: readonly KubernetesObject[]): number
}

/** What a rule is given. Times are milliseconds of one monotonic clock. */
export type Look = {
  observed: Observed
  memory: Memory
  now: Milliseconds
  /** When our apply of the object began. */
  appliedAt: Milliseconds
  /** The generation that our apply left, as far as it is known: an object of an older one has not seen it. */
  generation?: number
}

/** How one kind of objects becomes ready. */
export type Rule = {
  /** Ready can be lost again: it counts after it stood for the gate's window. */
  settles: boolean
  /** Pure: the same objects and times give the same reading. */
  read(object: KubernetesObject, look: Look): Reading
}

/** A reading of something that goes on. */
export const progressing = (message: string, rest: Omit<Reading, 'state' | 'message'> = {}): Reading => ({
  state: 'progressing',
  message,
  ...rest,
})

/** A reading of something that failed for good. */
export const failedFor = (text: string, rest: Omit<Reading, 'state' | 'message' | 'cause'> = {}): Reading => ({
  state: 'failed',
  message: text,
  cause: { text, mayHeal: false },
  ...rest,
})

/** A reading of something that is there. */
export const ready = (message: string): Reading => ({ state: 'ready', message })

/** The cause of what is not ready when its time is over, from what kept it from being ready. */
export function inTimeText(cause: Cause | undefined): string {
  if (!cause) return 'not ready in time'
  return cause.hint ? `not ready in time; ${cause.text}` : cause.text
}

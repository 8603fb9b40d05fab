import type { KubernetesObject, ObjectReference } from '../../../model/kubernetes-object.ts'
import { eventLine } from './event-text.ts'
import type { TargetVerdict } from './gate-target.ts'
import { PodMemory } from './pod-memory.ts'
import { progressing } from './rule.ts'
import { ruleFor } from './rules.ts'
import { World } from './world.ts'

const eventsShown = 10

/**
 * What the rules say of objects at one moment, in whatever order they were read: `ready`, `failed` where there is proof, `waiting` in between.
 * Without watching nobody knows whether it stays so.
 */
export function readNow(references: readonly ObjectReference[], objects: readonly KubernetesObject[]): TargetVerdict[] {
  const world = new World()
  const memory = new PodMemory(Number.POSITIVE_INFINITY)
  for (const object of objects) {
    world.take({ type: 'ADDED', object })
    if (object.kind === 'Pod') memory.see(object, 0)
  }
  return references.map((reference) => {
    const object = world.find(reference)
    const look = { observed: world, memory, now: 0, appliedAt: 0 }
    const reading = object ? ruleFor(object).read(object, look) : progressing('is not there')
    const { state, message, cause, pods = [], about = [] } = reading
    const uids = object?.metadata.uid === undefined ? about : [object.metadata.uid, ...about]
    const waiting = state !== 'ready' && state !== 'failed'
    return {
      reference,
      state: waiting ? 'waiting' : state,
      since: 0,
      message,
      ...(cause && !cause.hint && { cause: cause.text }),
      ...(cause && waiting && { mayHeal: true }),
      pods,
      events:
        state === 'ready'
          ? []
          : uids
              .flatMap((uid) => world.eventsAbout(uid))
              .slice(-eventsShown)
              .map(eventLine),
    }
  })
}

import { isFields, itemsOf, textOf } from '../../../manifest/fields.ts'
import {
  type KubernetesObject,
  type ObjectReference,
  referenceKey,
  referenceOf,
} from '../../../model/kubernetes-object.ts'
import { subjectOf } from './event-text.ts'
import type { Observed } from './rule.ts'

/** One event of a watch. */
export type WatchEvent = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject }

/** So many events about one object are kept, the latest. */
const eventsKept = 40

/** Objects as last seen, with the indexes that rules need. Holds no time and decides nothing. */
export class World implements Observed {
  readonly #objects = new Map<string, KubernetesObject>()
  readonly #byUid = new Map<string, KubernetesObject>()
  readonly #owned = new Map<string, Map<string, KubernetesObject>>()
  readonly #kinds = new Map<string, Map<string, KubernetesObject>>()
  readonly #events = new Map<string, Map<string, KubernetesObject>>()
  /** Versions of the events that were there before the apply: they speak about earlier times until they come again. */
  readonly #earlier = new Map<string, string | undefined>()

  /** Takes in what was there before the apply. */
  start(objects: Iterable<KubernetesObject>): void {
    for (const object of objects) {
      if (object.kind === 'Event') this.#earlier.set(eventKey(object), object.metadata.resourceVersion)
      else this.#put(object)
    }
  }

  /** Takes in an event of a watch; false when it says nothing new. */
  take({ type, object }: WatchEvent): boolean {
    if (object.kind === 'Event') return type !== 'DELETED' && this.#putEvent(object)
    if (type === 'DELETED') return this.#remove(object)
    const known = this.#objects.get(referenceKey(referenceOf(object)))
    const { uid, resourceVersion } = object.metadata
    if (known && resourceVersion !== undefined && known.metadata.resourceVersion === resourceVersion) return false
    // Another object of the same name: what belonged to the one before is gone.
    if (known && known.metadata.uid !== uid) this.#remove(known)
    this.#put(object)
    return true
  }

  find(reference: ObjectReference): KubernetesObject | undefined {
    return this.#objects.get(referenceKey(reference))
  }

  ownedBy(uid: string): readonly KubernetesObject[] {
    return uid === '' ? [] : [...(this.#owned.get(uid)?.values() ?? [])]
  }

  eventsAbout(uid: string): readonly KubernetesObject[] {
    return uid === '' ? [] : [...(this.#events.get(uid)?.values() ?? [])]
  }

  ofKind(kind: string): readonly KubernetesObject[] {
    return [...(this.#kinds.get(kind)?.values() ?? [])]
  }

  /** The object with this uid. */
  withUid(uid: string): KubernetesObject | undefined {
    return this.#byUid.get(uid)
  }

  /** The object that owns this one through all its owners, as far as they were seen: the Deployment of a pod. */
  rootOf(object: KubernetesObject): KubernetesObject {
    let at = object
    for (let steps = 0; steps < 8; steps++) {
      const owner = controllerOf(at)
      const next = owner === undefined ? undefined : this.#byUid.get(owner)
      if (!next) return at
      at = next
    }
    return at
  }

  #put(object: KubernetesObject): void {
    const key = referenceKey(referenceOf(object))
    this.#objects.set(key, object)
    insert(this.#kinds, object.kind, key, object)
    if (object.metadata.uid !== undefined) this.#byUid.set(object.metadata.uid, object)
    const owner = controllerOf(object)
    if (owner !== undefined) insert(this.#owned, owner, key, object)
  }

  #remove(object: KubernetesObject): boolean {
    const key = referenceKey(referenceOf(object))
    const known = this.#objects.get(key)
    if (!known || (object.metadata.uid !== undefined && known.metadata.uid !== object.metadata.uid)) return false
    this.#objects.delete(key)
    this.#kinds.get(known.kind)?.delete(key)
    if (known.metadata.uid !== undefined) {
      this.#byUid.delete(known.metadata.uid)
      this.#events.delete(known.metadata.uid)
    }
    const owner = controllerOf(known)
    if (owner !== undefined) this.#owned.get(owner)?.delete(key)
    return true
  }

  #putEvent(object: KubernetesObject): boolean {
    const key = eventKey(object)
    const subject = subjectOf(object)
    if (subject === undefined) return false
    if (this.#earlier.has(key) && this.#earlier.get(key) === object.metadata.resourceVersion) return false
    const kept = this.#events.get(subject) ?? new Map<string, KubernetesObject>()
    const before = kept.get(key)
    if (before && before.metadata.resourceVersion === object.metadata.resourceVersion) return false
    // The latest stands last: a map keeps the order of the first insertion otherwise.
    kept.delete(key)
    kept.set(key, object)
    const oldest = kept.size > eventsKept ? kept.keys().next().value : undefined
    if (oldest !== undefined) kept.delete(oldest)
    this.#events.set(subject, kept)
    return true
  }
}

const eventKey = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

/** The uid of the owner that controls an object. */
export function controllerOf(object: KubernetesObject): string | undefined {
  const owners = itemsOf(object, 'metadata', 'ownerReferences')
  const owner = owners.find((one) => isFields(one) && one.controller === true)
  return textOf(owner, 'uid')
}

function insert<T>(into: Map<string, Map<string, T>>, outer: string, key: string, value: T): void {
  const found = into.get(outer)
  if (found) found.set(key, value)
  else into.set(outer, new Map([[key, value]]))
}

import { randomUUID } from 'node:crypto'
import { type ApiObject, nowText, type ResourceType } from './objects.ts'
import { alreadyExists, modified, notFound } from './refusals.ts'

/** A change of an object, as watches tell of it. `before`: the object as it was, for watches that select by labels. */
export type Change = {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  version: number
  resource: ResourceType
  object: ApiObject
  before?: ApiObject
}

/** The objects of the server, with one counter of versions and the history of changes since the start. */
export class Store {
  readonly #objects = new Map<string, Map<string, ApiObject>>()
  readonly #listeners = new Set<(change: Change) => void>()
  readonly history: Change[] = []
  version = 1000

  #of(type: ResourceType): Map<string, ApiObject> {
    const key = `${type.group}/${type.resource}`
    const objects = this.#objects.get(key) ?? new Map<string, ApiObject>()
    this.#objects.set(key, objects)
    return objects
  }

  /** All objects of a type, in a namespace where it is given; in the order of namespace and name. */
  list(type: ResourceType, namespace?: string): ApiObject[] {
    return [...this.#of(type).values()]
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  }

  find(type: ResourceType, name: string, namespace?: string): ApiObject | undefined {
    return this.#of(type).get(`${namespace ?? ''}/${name}`)
  }

  /** The object, or the refusal `NotFound`. */
  get(type: ResourceType, name: string, namespace?: string): ApiObject {
    const object = this.find(type, name, namespace)
    if (!object) throw notFound(type, name)
    return object
  }

  create(type: ResourceType, wanted: Partial<ApiObject> & { metadata: { name: string } }): ApiObject {
    const { name, namespace } = wanted.metadata as ApiObject['metadata']
    if (this.find(type, name, namespace)) throw alreadyExists(type, name)
    const object = structuredClone({
      ...wanted,
      metadata: {
        ...wanted.metadata,
        uid: randomUUID(),
        resourceVersion: String(++this.version),
        creationTimestamp: nowText(),
      },
    }) as ApiObject
    if (object.spec !== undefined && object.kind !== 'Lease') object.metadata.generation = 1
    this.#of(type).set(keyOf(object), object)
    this.#tell({ type: 'ADDED', version: this.version, resource: type, object })
    return object
  }

  /**
   * Puts another content in an object's place; the same content changes nothing. A change beside metadata and status makes a new
   * generation. Refusals: `NotFound`, `Conflict` where the content names another version than the present.
   */
  update(type: ResourceType, wanted: ApiObject, options: { status?: boolean } = {}): ApiObject {
    const { name, namespace, resourceVersion } = wanted.metadata
    const before = this.get(type, name, namespace)
    if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw modified(type, name)
    const object = structuredClone(wanted)
    const { uid, creationTimestamp, generation, deletionTimestamp } = before.metadata
    Object.assign(object.metadata, { uid, creationTimestamp, resourceVersion: before.metadata.resourceVersion })
    if (generation !== undefined) object.metadata.generation = generation
    if (deletionTimestamp !== undefined) object.metadata.deletionTimestamp = deletionTimestamp
    if (!options.status && before.status !== undefined) object.status = before.status
    if (contentOf(object) === contentOf(before)) return before
    if (generation !== undefined && desireOf(object) !== desireOf(before)) object.metadata.generation = generation + 1
    object.metadata.resourceVersion = String(++this.version)
    if (deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0) {
      this.#of(type).delete(keyOf(object))
      this.#tell({ type: 'DELETED', version: this.version, resource: type, object, before })
      return object
    }
    this.#of(type).set(keyOf(object), object)
    this.#tell({ type: 'MODIFIED', version: this.version, resource: type, object, before })
    return object
  }

  /** Removes an object, or marks it where a finalizer holds it. */
  remove(type: ResourceType, name: string, namespace?: string): ApiObject {
    const before = this.get(type, name, namespace)
    const object = structuredClone(before)
    object.metadata.resourceVersion = String(++this.version)
    if ((before.metadata.finalizers ?? []).length > 0) {
      if (before.metadata.deletionTimestamp !== undefined) return before
      object.metadata.deletionTimestamp = nowText()
      object.metadata.deletionGracePeriodSeconds = 0
      this.#of(type).set(keyOf(object), object)
      this.#tell({ type: 'MODIFIED', version: this.version, resource: type, object, before })
      return object
    }
    this.#of(type).delete(keyOf(object))
    this.#tell({ type: 'DELETED', version: this.version, resource: type, object, before })
    return object
  }

  /** Tells of each change until the returned function is called. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(change: Change): void {
    this.history.push(change)
    for (const listener of [...this.#listeners]) listener(change)
  }
}

const keyOf = ({ metadata }: ApiObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

const contentOf = ({ metadata: { resourceVersion: _, managedFields, ...metadata }, ...rest }: ApiObject): string =>
  JSON.stringify([metadata, managedFields?.map(({ time: _, ...fields }) => fields), rest])

const desireOf = ({ metadata: _, status: __, ...rest }: ApiObject): string => JSON.stringify(rest)

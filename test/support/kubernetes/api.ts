import { randomBytes } from 'node:crypto'
import { checkApplied, checkQuota, schemaMistake, validate } from './admission.ts'
import { applyTo, trackUpdate } from './apply.ts'
import { withDefaults } from './defaults.ts'
import { type ApiObject, builtInTypes, type Json, type ResourceType } from './objects.ts'
import { jsonPatch, mergePatch, strategicPatch } from './patches.ts'
import { badRequest, denied, invalid, modified, notFound, Refusal } from './refusals.ts'
import { Store } from './store.ts'

/** How a write is meant. */
export type WriteOptions = { manager: string; dryRun: boolean; force?: boolean }

/** The objects and the rules of writing them: what the HTTP side and the controllers both use. */
export class Api {
  readonly store = new Store()
  readonly types: ResourceType[] = [...builtInTypes]
  #address = 10

  /** A type by the plural of its resource. */
  readonly type = (resource: string): ResourceType => {
    const found = this.types.find((type) => type.resource === resource)
    if (!found) throw new Error(`no type ${resource}`)
    return found
  }

  /** Creates an object. Refusals: those of admission and validation, `AlreadyExists`. */
  create(type: ResourceType, wanted: Json, { manager, dryRun }: WriteOptions): ApiObject {
    const object = structuredClone(wanted)
    if (object.kind !== type.kind || object.metadata === undefined) {
      const given = `${object.kind ?? ''} in version "${object.apiVersion ?? ''}"`
      throw badRequest(
        `${given} cannot be handled as a ${type.kind}: converting (v1.${object.kind}) to (v1.${type.kind})`,
      )
    }
    if (object.metadata.name === undefined && object.metadata.generateName !== undefined)
      object.metadata.name = `${object.metadata.generateName}${randomBytes(3).toString('hex').slice(0, 5)}`
    this.#admit(type, object)
    const tracked = object.metadata.managedFields?.length ? object : trackUpdate(undefined, object, manager)
    this.#complete(type, tracked, undefined)
    if (this.store.find(type, tracked.metadata.name, tracked.metadata.namespace) || !dryRun)
      return this.store.create(type, tracked)
    return { ...tracked, metadata: { ...tracked.metadata, uid: '', creationTimestamp: new Date().toISOString() } }
  }

  /** Puts an object in another's place. */
  replace(type: ResourceType, wanted: Json, options: WriteOptions, status = false): ApiObject {
    const { name, namespace, uid, resourceVersion } = wanted.metadata
    const before = this.store.find(type, name, namespace)
    if (!before) {
      if (!uid && !resourceVersion) throw notFound(type, name)
      throw modified(type, name)
    }
    if (uid && uid !== before.metadata.uid) throw modified(type, name)
    if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw modified(type, name)
    const content = status ? { ...before, status: wanted.status } : { ...wanted, status: before.status }
    return this.#write(type, before, content, options, status)
  }

  /** Patches an object by media type; server-side apply creates it where it is not there. */
  patch(
    type: ResourceType,
    name: string,
    namespace: string | undefined,
    media: string,
    patch: Json,
    options: WriteOptions,
    subresource?: string,
  ): { object: ApiObject; created: boolean } {
    const before = this.store.find(type, name, namespace)
    if (media === 'application/apply-patch+yaml') return this.#apply(type, name, namespace, patch, options)
    if (!before) throw notFound(type, name)
    const by = {
      'application/merge-patch+json': mergePatch,
      'application/strategic-merge-patch+json': strategicPatch,
      'application/json-patch+json': jsonPatch,
    }[media]
    if (!by) throw new Refusal(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
    const after = by(before, patch)
    const { resourceVersion } = after.metadata
    if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw modified(type, name)
    return { object: this.#write(type, before, after, options, subresource === 'status', subresource), created: false }
  }

  #apply(
    type: ResourceType,
    name: string,
    namespace: string | undefined,
    configuration: Json,
    options: WriteOptions,
  ): { object: ApiObject; created: boolean } {
    if (options.manager === '') {
      const why = 'Required value: is required for apply patch'
      const causes = [
        {
          reason: 'FieldValueRequired',
          message: why.replace('Required value: ', 'Required value: '),
          field: 'fieldManager',
        },
      ]
      const details = { group: 'meta.k8s.io', kind: 'PatchOptions', causes }
      throw new Refusal(422, 'Invalid', `PatchOptions.meta.k8s.io "" is invalid: fieldManager: ${why}`, details)
    }
    if (configuration.metadata?.name !== name)
      throw badRequest(
        `the name of the object (${configuration.metadata?.name}) does not match the name on the URL (${name})`,
      )
    if (configuration.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil')
    checkApplied(type, configuration)
    const before = this.store.find(type, name, namespace)
    const { resourceVersion, uid } = configuration.metadata
    if (before && resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw modified(type, name)
    if (before && uid && uid !== before.metadata.uid)
      throw invalid(type, name, 'metadata.uid', `Invalid value: "${uid}": field is immutable`)
    const prepared = structuredClone(configuration)
    if (namespace !== undefined) prepared.metadata.namespace = namespace
    if (prepared.stringData !== undefined) withDefaults(prepared, () => '')
    if (!before) this.#admit(type, prepared)
    const merged = applyTo(before, prepared, { manager: options.manager, force: options.force === true })
    if (!before) return { object: this.create(type, merged, options), created: true }
    return { object: this.#write(type, before, merged, options, false, undefined, true), created: false }
  }

  #write(
    type: ResourceType,
    before: ApiObject,
    after: Json,
    options: WriteOptions,
    status: boolean,
    subresource?: string,
    tracked = false,
  ): ApiObject {
    const result = tracked ? structuredClone(after) : trackUpdate(before, after, options.manager, subresource)
    if (status) return options.dryRun ? result : this.store.update(type, result, { status: true })
    this.#complete(type, result, before)
    delete result.metadata.resourceVersion
    if (options.dryRun) {
      result.metadata.resourceVersion = before.metadata.resourceVersion
      return result
    }
    return this.store.update(type, result)
  }

  /** Removes an object; what it owns goes too, unless it is to be orphaned. */
  remove(
    type: ResourceType,
    name: string,
    namespace: string | undefined,
    options: Json = {},
  ): { object: ApiObject; gone: boolean } {
    const object = this.store.get(type, name, namespace)
    const { uid, resourceVersion } = options.preconditions ?? {}
    if (uid && uid !== object.metadata.uid) {
      const why = `the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid}). The object might have been deleted and then recreated`
      throw conflict(type, name, why)
    }
    if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) {
      const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${object.metadata.resourceVersion}). The object might have been modified`
      throw conflict(type, name, why)
    }
    if (options.dryRun?.length) return { object, gone: true }
    if (type.kind === 'Namespace') return { object: this.#terminate(object), gone: false }
    const removed = this.store.remove(type, name, namespace)
    const gone = this.store.find(type, name, namespace) === undefined
    if (gone && options.propagationPolicy !== 'Orphan') this.#collect(object.metadata.uid)
    if (type.kind === 'CustomResourceDefinition' && gone) this.#forget(object)
    return { object: removed, gone }
  }

  #collect(owner: string): void {
    for (const type of this.types) {
      for (const { metadata } of this.store.list(type)) {
        if (metadata.ownerReferences?.some(({ uid }) => uid === owner))
          this.remove(type, metadata.name, metadata.namespace)
      }
    }
  }

  #terminate(namespace: ApiObject): ApiObject {
    const { name } = namespace.metadata
    const object = structuredClone(namespace)
    object.metadata.deletionTimestamp = new Date().toISOString()
    object.status = { phase: 'Terminating' }
    object.metadata.finalizers = ['kubernetes']
    const type = this.type('namespaces')
    this.store.update(type, object, { status: true })
    setTimeout(() => {
      for (const one of this.types.filter(({ namespaced }) => namespaced))
        for (const { metadata } of this.store.list(one, name))
          if (this.store.find(one, metadata.name, name)) this.remove(one, metadata.name, name)
      const held = this.types
        .filter(({ namespaced }) => namespaced)
        .some((one) => this.store.list(one, name).length > 0)
      const now = this.store.find(type, name)
      if (held || !now) return
      this.store.update(type, { ...now, metadata: { ...now.metadata, finalizers: [] } }, { status: true })
      if (this.store.find(type, name)) this.store.remove(type, name)
    }, 50).unref()
    return object
  }

  /** What comes before validation: the namespace is there and lives, there is quota. */
  #admit(type: ResourceType, object: Json): void {
    const { namespace, name } = object.metadata
    if (!type.namespaced) return
    const space = this.store.find(this.type('namespaces'), namespace)
    if (!space) throw notFound(this.type('namespaces'), namespace)
    if (space.metadata.deletionTimestamp !== undefined) {
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`
      const causes = [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ]
      throw denied(type, name, why, causes)
    }
    checkQuota(this.store, this.type, type, object)
  }

  #complete(type: ResourceType, object: Json, before: ApiObject | undefined): void {
    const mistake = schemaMistake(object)
    if (mistake && 'unknown' in mistake) {
      const why = `strict decoding error: unknown field "${mistake.unknown}"`
      throw badRequest(`${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: ${why}`)
    }
    withDefaults(object, () => `10.96.0.${this.#address++}`)
    validate(type, object, before)
    if (type.kind === 'CustomResourceDefinition') this.#define(object)
  }

  #define({ spec }: Json): void {
    for (const version of spec.versions ?? []) {
      const type: ResourceType = {
        group: spec.group,
        version: version.name,
        resource: spec.names.plural,
        kind: spec.names.kind,
        namespaced: spec.scope === 'Namespaced',
      }
      const known = this.types.some(
        (one) => one.group === type.group && one.resource === type.resource && one.version === type.version,
      )
      if (!known) this.types.push(type)
    }
  }

  #forget({ spec }: ApiObject): void {
    const at = this.types.findIndex((type) => type.group === spec.group && type.resource === spec.names.plural)
    if (at >= 0) this.types.splice(at, 1)
  }
}

const conflict = (type: ResourceType, name: string, why: string): Refusal => {
  const qualified = type.group === '' ? type.kind : `${type.kind}.${type.group}`
  return new Refusal(409, 'Conflict', `Operation cannot be fulfilled on ${qualified} "${name}": ${why}`, {
    name,
    ...(type.group !== '' && { group: type.group }),
    kind: type.kind,
  })
}

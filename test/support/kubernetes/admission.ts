import { isDeepStrictEqual } from 'node:util'
import { type ApiObject, groupVersionOf, type Json, type ResourceType } from './objects.ts'
import { denied, invalid, Refusal } from './refusals.ts'
import type { Store } from './store.ts'

const name1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
const podOwner = ['replicas', 'selector', 'template', 'minReadySeconds', 'revisionHistoryLimit']
/** The fields of a kind's spec, where a mistyped one is told. */
const specFields: Record<string, string[]> = {
  Deployment: [...podOwner, 'strategy', 'paused', 'progressDeadlineSeconds'],
  StatefulSet: [
    ...podOwner,
    'serviceName',
    'podManagementPolicy',
    'updateStrategy',
    'volumeClaimTemplates',
    'ordinals',
    'persistentVolumeClaimRetentionPolicy',
  ],
  DaemonSet: [...podOwner.slice(1), 'updateStrategy'],
}

/** The first field that the type does not have, or of a wrong type, as the server names it; undefined when there is none. */
export function schemaMistake(object: Json): { unknown: string } | { wrong: string } | undefined {
  const fields = specFields[object.kind]
  for (const field of Object.keys(object.spec ?? {}))
    if (fields && !fields.includes(field)) return { unknown: `spec.${field}` }
  const { replicas } = object.spec ?? {}
  if (fields && replicas !== undefined && typeof replicas !== 'number')
    return { wrong: `.spec.replicas: expected numeric (int or float), got ${typeof replicas}` }
  return undefined
}

/** Refuses a patch of server-side apply as the server does: with 500, and naming the first mistake alone. */
export function checkApplied(type: ResourceType, object: Json): void {
  const mistake = schemaMistake(object)
  if (!mistake) return
  const what = 'unknown' in mistake ? `.${mistake.unknown}: field not declared in schema` : mistake.wrong
  const { namespace = '', name } = object.metadata
  throw new Refusal(
    500,
    undefined,
    `failed to create typed patch object (${namespace}/${name}; ${groupVersionOf(type)}, Kind=${type.kind}): ${what}`,
  )
}

/** Refuses what the type's validation refuses, for the rules that tests rely on. */
export function validate(type: ResourceType, object: Json, before: ApiObject | undefined): void {
  const { name } = object.metadata
  if (!new RegExp(`^${name1123}$`).test(name)) {
    const why = `Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${name1123}')`
    throw invalid(type, name, 'metadata.name', why)
  }
  const { spec } = object
  const selector = spec?.selector?.matchLabels
  if (['Deployment', 'StatefulSet', 'DaemonSet'].includes(type.kind)) {
    const labels = spec.template?.metadata?.labels ?? {}
    if (!selector) throw invalid(type, name, 'spec.selector', 'Required value')
    if (Object.entries(selector).some(([key, value]) => labels[key] !== value)) {
      const why = `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``
      throw invalid(type, name, 'spec.template.metadata.labels', why)
    }
    if (!spec.template.spec?.containers?.length)
      throw invalid(type, name, 'spec.template.spec.containers', 'Required value')
  }
  const size = Object.values((object.data ?? {}) as Record<string, string>).reduce(
    (sum, text) => sum + (type.kind === 'Secret' ? Buffer.byteLength(text, 'base64') : Buffer.byteLength(text)),
    0,
  )
  if (['Secret', 'ConfigMap'].includes(type.kind) && size > 1024 * 1024)
    throw invalid(type, name, 'data', 'Too long: may not be more than 1048576 bytes')
  if (before) unchangeable(type, object, before)
}

const immutable: Record<string, string[]> = {
  Deployment: ['selector'],
  DaemonSet: ['selector'],
  Job: ['selector', 'template', 'completions', 'completionMode'],
  StatefulSet: ['selector', 'serviceName', 'podManagementPolicy', 'volumeClaimTemplates'],
}

function unchangeable(type: ResourceType, object: Json, before: ApiObject): void {
  const { name } = object.metadata
  if (before.immutable === true && !isDeepStrictEqual(object.data, before.data))
    throw invalid(type, name, 'data', 'Forbidden: field is immutable when `immutable` is set')
  for (const field of immutable[type.kind] ?? []) {
    if (before.spec[field] === undefined || isDeepStrictEqual(object.spec[field], before.spec[field])) continue
    const others =
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    if (type.kind === 'StatefulSet') throw invalid(type, name, 'spec', `Forbidden: ${others}`)
    const why = `Invalid value: ${JSON.stringify(object.spec[field])}: field is immutable`
    throw invalid(type, name, `spec.${field}`, why)
  }
  if (type.kind === 'Service' && before.spec.clusterIP && object.spec.clusterIP !== before.spec.clusterIP) {
    const why = `Invalid value: ["${object.spec.clusterIP}"]: may not change once set`
    throw invalid(type, name, 'spec.clusterIPs[0]', why)
  }
}

/** Refuses what a namespace's quota does not leave room for. */
export function checkQuota(
  store: Store,
  types: (resource: string) => ResourceType,
  type: ResourceType,
  object: Json,
): void {
  const { name, namespace } = object.metadata
  if (type.kind !== 'Pod' || namespace === undefined) return
  for (const quota of store.list(types('resourcequotas'), namespace)) {
    const hard = quota.spec?.hard?.pods
    if (hard === undefined) continue
    const alive = store
      .list(types('pods'), namespace)
      .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed').length
    if (alive + 1 > Number(hard)) {
      const why = `exceeded quota: ${quota.metadata.name}, requested: pods=1, used: pods=${alive}, limited: pods=${hard}`
      throw denied(type, name, why)
    }
  }
}

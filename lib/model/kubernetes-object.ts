import { z } from 'zod'

const textMap = z.record(z.string(), z.string())

/** An object's metadata, as far as rules look at it; what else it has is kept. */
export const kubernetesMetadataSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: textMap.nullish(),
  annotations: textMap.nullish(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.number().optional(),
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
})

/** A manifest or an object as a server gave it; what else it has (`spec`, `status`, `data` …) is kept. */
export const kubernetesObjectSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: kubernetesMetadataSchema,
})

/** A Kubernetes object, from a file or from a server. Everything beyond its identity is `unknown`, as both are untrusted. */
export type KubernetesObject = z.output<typeof kubernetesObjectSchema>

/** What names an object on a server, whatever version of its group's API it is written in. */
export type ObjectReference = {
  /** The API group; empty for the core. */
  group: string
  kind: string
  /** Absent where the object belongs to no namespace, or to the one that the command names. */
  namespace?: string
  name: string
}

/** The group of an `apiVersion`: `apps` of `apps/v1`, empty of `v1`. */
export const groupOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''

/** What names an object. */
export function referenceOf(object: KubernetesObject): ObjectReference {
  const { name, namespace } = object.metadata
  return { group: groupOf(object.apiVersion), kind: object.kind, ...(namespace !== undefined && { namespace }), name }
}

/** An object's reference as one text, the same for the same object: `apps/Deployment/demo/web`. */
export const referenceKey = (of: ObjectReference): string => `${of.group}/${of.kind}/${of.namespace ?? ''}/${of.name}`

/** An object's name for people: `Deployment demo/web`. */
export const referenceText = (of: ObjectReference): string =>
  `${of.kind} ${of.namespace === undefined ? '' : `${of.namespace}/`}${of.name}`

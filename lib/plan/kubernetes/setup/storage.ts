import { field, fieldsOf, isFields, itemsOf, textOf } from '../../../manifest/fields.ts'
import type { Finding } from '../../../model/finding.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'

const defaultMark = 'storageclass.kubernetes.io/is-default-class'

/** The storage class that claims without one of their own get. */
export type StorageChoice = { chosen: string | undefined; findings: Finding[] }

/**
 * The first class of an environment's list that the cluster has; `default` in the list stands for the cluster's default class. Without a
 * list claims say nothing, and get the default.
 */
export function chooseStorageClass(
  wanted: readonly string[] | undefined,
  classes: readonly KubernetesObject[],
): StorageChoice {
  if (!wanted || wanted.length === 0) return { chosen: undefined, findings: [] }
  const names = classes.map(({ metadata }) => metadata.name)
  const standard = classes.find(({ metadata }) => metadata.annotations?.[defaultMark] === 'true')?.metadata.name
  const chosen = wanted
    .map((name) => (name === 'default' ? standard : name))
    .find((name) => name !== undefined && names.includes(name))
  if (chosen === undefined) {
    return {
      chosen,
      findings: [
        {
          rule: 'storage-class-missing',
          severity: 'error',
          message: `the cluster has none of the storage classes ${wanted.join(', ')}`,
          mend: `name one of: ${names.join(', ') || 'there is none'}`,
        },
      ],
    }
  }
  const first = wanted[0] === 'default' ? standard : wanted[0]
  if (chosen === first) return { chosen, findings: [] }
  const message = `the storage class "${wanted[0]}" is not there: "${chosen}" takes its place`
  return { chosen, findings: [{ rule: 'storage-class-fallback', severity: 'warning', message }] }
}

/** The claims of a manifest that name no class: `PersistentVolumeClaim/data`, `StatefulSet/store/data`. */
export function claimsWithoutClass(object: KubernetesObject): string[] {
  const named = (claim: unknown) =>
    field(claim, 'spec', 'storageClassName') !== undefined || field(claim, 'spec', 'volumeName') !== undefined
  if (object.kind === 'PersistentVolumeClaim') return named(object) ? [] : [claimKey(object)]
  if (object.kind !== 'StatefulSet') return []
  return itemsOf(object, 'spec', 'volumeClaimTemplates').flatMap((claim) =>
    named(claim) ? [] : [claimKey(object, textOf(claim, 'metadata', 'name'))],
  )
}

/** A manifest with a class in each claim that `classes` has one for. */
export function withStorageClass(
  object: KubernetesObject,
  classes: Readonly<Record<string, string>>,
): KubernetesObject {
  const keys = claimsWithoutClass(object).filter((key) => classes[key] !== undefined)
  if (keys.length === 0 || !isFields(object.spec)) return object
  if (object.kind === 'PersistentVolumeClaim')
    return { ...object, spec: { ...object.spec, storageClassName: classes[claimKey(object)] } }
  const volumeClaimTemplates = itemsOf(object, 'spec', 'volumeClaimTemplates').map((claim) => {
    const key = claimKey(object, textOf(claim, 'metadata', 'name'))
    if (!keys.includes(key)) return claim
    return { ...fieldsOf(claim), spec: { ...fieldsOf(claim, 'spec'), storageClassName: classes[key] } }
  })
  return { ...object, spec: { ...object.spec, volumeClaimTemplates } }
}

const claimKey = ({ kind, metadata }: KubernetesObject, template?: string): string =>
  [kind, metadata.name, ...(template === undefined ? [] : [template])].join('/')

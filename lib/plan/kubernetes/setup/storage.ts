import { type Fields, field, fieldsOf, isFields, itemsOf, textOf } from '../../../manifest/fields.ts'
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

/**
 * A manifest with the chosen class in its claims that name none. Claims that exist keep the class that they have: it cannot be changed, and
 * another choice later is none for them.
 */
export function withStorageClass(
  object: KubernetesObject,
  chosen: string | undefined,
  live?: KubernetesObject,
): KubernetesObject {
  if (!isFields(object.spec)) return object
  if (object.kind === 'PersistentVolumeClaim') {
    return { ...object, spec: filled(object.spec, live ? field(live, 'spec', 'storageClassName') : chosen) }
  }
  const templates = object.kind === 'StatefulSet' ? itemsOf(object, 'spec', 'volumeClaimTemplates') : []
  if (templates.length === 0) return object
  const there = itemsOf(live, 'spec', 'volumeClaimTemplates')
  const volumeClaimTemplates = templates.map((claim) => {
    const name = textOf(claim, 'metadata', 'name')
    const same = there.find((one) => textOf(one, 'metadata', 'name') === name)
    return {
      ...fieldsOf(claim),
      spec: filled(fieldsOf(claim, 'spec'), live ? field(same, 'spec', 'storageClassName') : chosen),
    }
  })
  return { ...object, spec: { ...object.spec, volumeClaimTemplates } }
}

const filled = (spec: Fields, name: unknown): Fields =>
  name === undefined || field(spec, 'storageClassName') !== undefined ? spec : { ...spec, storageClassName: name }

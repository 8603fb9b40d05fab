import { field, fieldsOf, itemsOf, textOf } from '../../../manifest/fields.ts'
import { podSpecOf } from '../../../manifest/kubernetes/shapes/index.ts'
import type { Finding } from '../../../model/finding.ts'
import { findingAbout, objectsOf, type PlannedObject, type PreflightInput } from './rule.ts'

type Reference = {
  kind: 'Secret' | 'ConfigMap' | 'ServiceAccount' | 'PersistentVolumeClaim'
  name: string
  key?: string
  use: string
}

/** Secrets, ConfigMaps, ServiceAccounts, claims and pull secrets that are referred to and neither there nor in the plan; and keys of them. */
export function referencesRule(input: PreflightInput): Finding[] {
  return input.planned.flatMap((one) => {
    const found = new Map<string, Finding>()
    for (const reference of referencesOf(one)) {
      const problem = problemOf(reference, one, input)
      if (problem) found.set(problem.message, problem)
    }
    return [...found.values()]
  })
}

function problemOf(
  { kind, name, key, use }: Reference,
  one: PlannedObject,
  input: PreflightInput,
): Finding | undefined {
  const { namespace } = one.object.metadata
  const inPlan = input.planned.some(
    ({ object }) => object.kind === kind && object.metadata.name === name && object.metadata.namespace === namespace,
  )
  if (!inPlan && !input.facts.known.has(kind)) return undefined
  const target = objectsOf(input, kind, namespace).find(({ metadata }) => metadata.name === name)
  // Every namespace gets this one from the cluster.
  if (kind === 'ServiceAccount' && name === 'default') return undefined
  if (!target) {
    const text = `${kind} "${name}" (${use}) is neither in the namespace ${namespace} nor in the plan`
    const kubectl = `kubectl get ${kind.toLowerCase()} -n ${namespace}`
    return findingAbout(one, 'reference-missing', 'error', text, `create it or correct the name: ${kubectl}`)
  }
  if (key === undefined) return undefined
  const data = { ...fieldsOf(target, 'data'), ...fieldsOf(target, 'stringData'), ...fieldsOf(target, 'binaryData') }
  // Of objects whose values were not read nothing is known of their keys.
  if (Object.keys(data).length === 0 || Object.hasOwn(data, key)) return undefined
  return findingAbout(
    one,
    'reference-missing',
    'error',
    `${kind} "${name}" has no key "${key}" (${use})`,
    `add the key, or mark it optional`,
  )
}

function referencesOf({ object }: PlannedObject): Reference[] {
  const spec = podSpecOf(object)
  const found: Reference[] = []
  const add = (kind: Reference['kind'], at: unknown, nameKey: string, use: string) => {
    const name = textOf(at, nameKey)
    if (name === undefined || name === '' || field(at, 'optional') === true) return
    const key = textOf(at, 'key')
    found.push({ kind, name, use, ...(key !== undefined && { key }) })
  }
  for (const container of [...itemsOf(spec, 'initContainers'), ...itemsOf(spec, 'containers')]) {
    for (const variable of itemsOf(container, 'env')) {
      const use = `for the variable ${textOf(variable, 'name') ?? ''}`
      add('Secret', field(variable, 'valueFrom', 'secretKeyRef'), 'name', use)
      add('ConfigMap', field(variable, 'valueFrom', 'configMapKeyRef'), 'name', use)
    }
    for (const source of itemsOf(container, 'envFrom')) {
      add('Secret', field(source, 'secretRef'), 'name', 'for all its variables')
      add('ConfigMap', field(source, 'configMapRef'), 'name', 'for all its variables')
    }
  }
  for (const volume of itemsOf(spec, 'volumes')) {
    const use = `for the volume ${textOf(volume, 'name') ?? ''}`
    add('Secret', field(volume, 'secret'), 'secretName', use)
    add('ConfigMap', field(volume, 'configMap'), 'name', use)
    add('PersistentVolumeClaim', field(volume, 'persistentVolumeClaim'), 'claimName', use)
    for (const source of itemsOf(volume, 'projected', 'sources')) {
      add('Secret', field(source, 'secret'), 'name', use)
      add('ConfigMap', field(source, 'configMap'), 'name', use)
    }
  }
  for (const secret of itemsOf(spec, 'imagePullSecrets')) add('Secret', secret, 'name', 'to pull images')
  const account = textOf(spec, 'serviceAccountName')
  if (account !== undefined) found.push({ kind: 'ServiceAccount', name: account, use: 'that its pods run as' })
  if (object.kind === 'Ingress')
    for (const tls of itemsOf(object, 'spec', 'tls')) add('Secret', tls, 'secretName', 'for TLS')
  return found
}

import { isFields } from '../../../lib/manifest/fields.ts'
import { parseQuantity } from '../../../lib/manifest/kubernetes/quantity.ts'
import type { KubernetesObject } from '../../../lib/model/kubernetes-object.ts'

/** A leaf of an object: where it is, and its value. */
export type Leaf = { way: (string | number)[]; value: unknown }

/** All leaves of a value: texts, numbers, truth values. */
export function leavesOf(value: unknown, way: (string | number)[] = []): Leaf[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => leavesOf(item, [...way, index]))
  if (isFields(value)) return Object.entries(value).flatMap(([key, one]) => leavesOf(one, [...way, key]))
  return [{ way, value }]
}

/** The object with one leaf replaced. */
export function withLeaf(
  object: KubernetesObject,
  way: readonly (string | number)[],
  value: unknown,
): KubernetesObject {
  const copy = structuredClone(object)
  let at: unknown = copy
  for (const step of way.slice(0, -1)) at = (at as Record<string | number, unknown>)[step]
  ;(at as Record<string | number, unknown>)[way.at(-1) as string] = value
  return copy
}

/** Another value of the same type. */
export function otherValue(value: unknown): unknown {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  const text = String(value)
  const quantity = text.match(/^(\d+)([numkMGTPE]i?)$/)
  return quantity ? `${Number(quantity[1]) + 1}${quantity[2]}` : `${text}x`
}

/** The keys of all mappings the other way round. */
export function keysReversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(keysReversed)
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, one]) => [key, keysReversed(one)]),
  )
}

const unordered = new Set([
  'containers',
  'ports',
  'env',
  'volumes',
  'volumeMounts',
  'imagePullSecrets',
  'tolerations',
  'add',
  'drop',
  'items',
  'accessModes',
  'policyTypes',
  'ingress',
  'egress',
  'from',
  'to',
  'rules',
  'verbs',
  'resources',
  'apiGroups',
  'subjects',
  'metrics',
  'hosts',
  'tls',
])

/** All lists whose order has no meaning the other way round. */
export function listsReversed(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => listsReversed(item))
    return unordered.has(key) ? items.reverse() : items
  }
  if (!isFields(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, listsReversed(one, name)]))
}

const quantityKeys = /^(cpu|memory|storage|sizeLimit|pods|requests\.(cpu|memory)|averageValue)$/

/** Every quantity spelt otherwise. */
export function quantitiesRespelt(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => quantitiesRespelt(item))
  if (isFields(value))
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, quantitiesRespelt(one, name)]))
  const amount = quantityKeys.test(key) ? parseQuantity(value) : undefined
  if (amount === undefined) return value
  return amount % 1_000_000_000n === 0n ? `${amount / 1_000_000n}m` : `${Number(amount) / 1e9}`
}

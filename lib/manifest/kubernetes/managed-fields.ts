import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import { type Fields, fieldsOf, isFields, itemsOf, textOf } from '../fields.ts'

/** The fields that a manager set by server-side apply, as the server keeps them; undefined when it has set none, or none are kept. */
export function appliedFields(object: KubernetesObject, manager: string): Fields | undefined {
  const own = itemsOf(object, 'metadata', 'managedFields').filter(
    (one) => textOf(one, 'manager') === manager && textOf(one, 'operation') === 'Apply' && !textOf(one, 'subresource'),
  )
  if (own.length === 0) return undefined
  return own.map((one) => fieldsOf(one, 'fieldsV1')).reduce(merged)
}

function merged(left: Fields, right: Fields): Fields {
  const result: Record<string, unknown> = { ...left }
  for (const [key, value] of Object.entries(right)) {
    const before = result[key]
    result[key] = isFields(before) && isFields(value) ? merged(before, value) : value
  }
  return result
}

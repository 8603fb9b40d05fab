import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import { type Fields, fieldsOf, isFields, itemsOf, textOf } from '../fields.ts'
import { defaultOf, keyOf, partOf, same } from './compare-values.ts'
import { itemName, pathText, type Step } from './path.ts'
import type { Shape } from './shape.ts'
import { shapeOf } from './shapes/index.ts'

/** Fields that another manager owns and that we want otherwise: an apply without force is refused for them. */
export type ManagerConflict = {
  manager: string
  /** `scale`, where the manager changed it through that. */
  subresource?: string
  fields: string[]
}

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

/**
 * The conflicts that a server-side apply of `wanted` by `manager` would have: fields that other managers own, with another value. A value
 * that is the same is shared without a conflict.
 */
export function managerConflicts(wanted: KubernetesObject, live: KubernetesObject, manager: string): ManagerConflict[] {
  const shape = shapeOf(wanted)
  return itemsOf(live, 'metadata', 'managedFields').flatMap((entry) => {
    const name = textOf(entry, 'manager') ?? ''
    const subresource = textOf(entry, 'subresource')
    const own = name === manager && textOf(entry, 'operation') === 'Apply'
    if (own || subresource === 'status') return []
    const fields = conflicting(fieldsOf(entry, 'fieldsV1'), wanted, live, shape, []).map(pathText)
    return fields.length > 0 ? [{ manager: name, ...(subresource && { subresource }), fields }] : []
  })
}

function conflicting(owned: Fields, wanted: unknown, live: unknown, shape: Shape, path: readonly Step[]): Step[][] {
  return Object.entries(owned).flatMap(([name, below]): Step[][] => {
    const inner = isFields(below) ? below : {}
    if (name.startsWith('f:') && isFields(wanted)) {
      const key = name.slice(2)
      const value = wanted[key]
      if (value === undefined || value === null) return []
      const part = partOf(shape, key)
      const at = [...path, { field: key }]
      const there = isFields(live) ? (live[key] ?? defaultOf(part, live)) : undefined
      if (Object.keys(inner).length > 0) return conflicting(inner, value, there, part, at)
      return same(value, there, part) ? [] : [at]
    }
    if (name.startsWith('k:') && Array.isArray(wanted)) {
      const identity = parsed(name.slice(2))
      const keys = Object.keys(identity)
      const each = shape.each ?? {}
      const find = (items: unknown) =>
        Array.isArray(items) ? items.find((one) => keyOf(one, keys, each) === keyOf(identity, keys, each)) : undefined
      const item = find(wanted)
      return item === undefined
        ? []
        : conflicting(inner, item, find(live), each, [...path, { item: itemName(item, keys) }])
    }
    return []
  })
}

function parsed(text: string): Fields {
  try {
    const value = JSON.parse(text)
    return isFields(value) ? value : {}
  } catch {
    return {}
  }
}

/** The conflicts that a server has answered (the Status of a 409 whose causes are FieldManagerConflict). */
export function conflictsOfStatus(status: unknown): ManagerConflict[] {
  const found = new Map<string, ManagerConflict>()
  for (const cause of itemsOf(status, 'details', 'causes')) {
    if (textOf(cause, 'reason') !== 'FieldManagerConflict') continue
    const said = (textOf(cause, 'message') ?? '').match(/conflict with "([^"]*)"(?: with subresource "([^"]*)")?/)
    const [, manager = 'another manager', subresource] = said ?? []
    const key = `${manager}/${subresource ?? ''}`
    const conflict = found.get(key) ?? { manager, ...(subresource && { subresource }), fields: [] }
    conflict.fields.push((textOf(cause, 'field') ?? '').replace(/^\./, ''))
    found.set(key, conflict)
  }
  return [...found.values()]
}

import { type Fields, isFields, sameValue } from '../fields.ts'
import { isZero, itemName, type Step } from './path.ts'
import { sameQuantity } from './quantity.ts'
import type { Shape } from './shape.ts'

/** A difference between what is wanted and what is there. */
export type Difference = {
  path: readonly Step[]
  kind: 'added' | 'changed' | 'removed'
  before?: unknown
  after?: unknown
}

const nothing: Shape = {}

/**
 * The differences that applying `wanted` makes to what is there. Fields that `wanted` does not mention are none (the server's, or another
 * manager's); keyed items that it does not mention are the business of `removals`.
 */
export function differences(
  wanted: unknown,
  there: unknown,
  shape: Shape = nothing,
  path: readonly Step[] = [],
): Difference[] {
  if (wanted === undefined || wanted === null) return []
  if (shape.quantity && sameQuantity(wanted, there)) return []
  if (isFields(wanted) && (isFields(there) || there === undefined))
    return ofMapping(wanted, there ?? {}, shape, path, there === undefined)
  if (Array.isArray(wanted) && Array.isArray(there)) return ofList(wanted, there, shape, path)
  if (sameValue(wanted, there)) return []
  if (there === undefined || there === null)
    return isZero(wanted) && !shape.zeroCounts ? [] : [{ path, kind: 'added', after: wanted }]
  return [{ path, kind: 'changed', before: there, after: wanted }]
}

/** Whether two values are the same, in both directions: what only one of them mentions is the server's default, or nothing. */
export function same(left: unknown, right: unknown, shape: Shape = nothing): boolean {
  return differences(left, right, shape).length === 0 && differences(right, left, shape).length === 0
}

/** What the server fills in for a field. */
export function defaultOf(shape: Shape, around: Fields): unknown {
  return typeof shape.default === 'function' ? (shape.default as (around: Fields) => unknown)(around) : shape.default
}

/** The shape of a mapping's part. */
export const partOf = (shape: Shape, key: string): Shape =>
  (shape.fields && Object.hasOwn(shape.fields, key) ? shape.fields[key] : shape.each) ?? nothing

function ofMapping(wanted: Fields, there: Fields, shape: Shape, path: readonly Step[], absent: boolean): Difference[] {
  const around = { ...there, ...wanted }
  const found = Object.keys(wanted).flatMap((key) => {
    const part = partOf(shape, key)
    const value = there[key] ?? defaultOf(part, around)
    return differences(wanted[key], value, part, [...path, { field: key }])
  })
  // A mapping that is not there at all is one difference, not one for each of its fields.
  return absent && found.length > 0 ? [{ path, kind: 'added', after: wanted }] : found
}

function ofList(
  wanted: readonly unknown[],
  there: readonly unknown[],
  shape: Shape,
  path: readonly Step[],
): Difference[] {
  const each = shape.each ?? nothing
  if (Array.isArray(shape.list)) return ofKeyed(wanted, there, shape, shape.list, path)
  const whole: Difference[] = [{ path, kind: 'changed', before: there, after: wanted }]
  if (shape.list === 'set') return sameItems(wanted, there, each) ? [] : whole
  if (wanted.length !== there.length) return whole
  return wanted.flatMap((item, index) => {
    const at = [...path, { item: String(index) }]
    const found = differences(item, there[index], each, at)
    if (found.length > 0 || differences(there[index], item, each).length === 0) return found
    return [{ path: at, kind: 'changed', before: there[index], after: item }]
  })
}

function sameItems(wanted: readonly unknown[], there: readonly unknown[], each: Shape): boolean {
  if (wanted.length !== there.length) return false
  const left = [...there]
  return wanted.every((item) => {
    const index = left.findIndex((one) => same(item, one, each))
    if (index >= 0) left.splice(index, 1)
    return index >= 0
  })
}

function ofKeyed(
  wanted: readonly unknown[],
  there: readonly unknown[],
  shape: Shape,
  keys: readonly string[],
  path: readonly Step[],
): Difference[] {
  const each = shape.each ?? nothing
  const known = new Map(there.map((item) => [keyOf(item, keys, each), item]))
  const found = wanted.flatMap((item) =>
    differences(item, known.get(keyOf(item, keys, each)), each, [...path, { item: itemName(item, keys) }]),
  )
  const counts = typeof shape.inOrder === 'function' ? shape.inOrder(wanted) : shape.inOrder === true
  if (counts) {
    const names = wanted.map((item) => keyOf(item, keys, each))
    const now = there.map((item) => keyOf(item, keys, each)).filter((key) => names.includes(key))
    const then = names.filter((key) => now.includes(key))
    if (!sameValue(now, then)) found.push({ path, kind: 'changed', before: now, after: then })
  }
  return found
}

/** The key of an item, with what the server fills in for parts of it. */
export function keyOf(item: unknown, keys: readonly string[], each: Shape): string {
  if (!isFields(item)) return JSON.stringify(item)
  return keys.map((key) => String(item[key] ?? defaultOf(partOf(each, key), item) ?? '')).join('/')
}

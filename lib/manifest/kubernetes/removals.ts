import { type Fields, isFields, sameValue } from '../fields.ts'
import { type Difference, defaultOf, differences, keyOf, partOf, same } from './compare-values.ts'
import { isZero, itemName, type Step } from './path.ts'
import type { Shape } from './shape.ts'

/** What we have set before, as a tree: of an earlier manifest, or of the fields that the server keeps of our manager. */
export type Owned = { kind: 'manifest'; value: unknown } | { kind: 'fields'; value: Fields }

const nothing: Shape = {}

/** The differences that applying `wanted` makes by leaving out what we had set before and what is still there. */
export function removals(
  owned: Owned,
  wanted: unknown,
  there: unknown,
  shape: Shape = nothing,
  path: readonly Step[] = [],
): Difference[] {
  if (there === undefined || there === null) return []
  return owned.kind === 'manifest'
    ? sinceManifest(owned.value, wanted, there, shape, path)
    : sinceFields(owned.value, wanted, there, shape, path)
}

function sinceManifest(
  before: unknown,
  wanted: unknown,
  there: unknown,
  shape: Shape,
  path: readonly Step[],
): Difference[] {
  if (Array.isArray(before) && Array.isArray(wanted) && Array.isArray(there)) {
    if (!Array.isArray(shape.list)) return []
    const keys: readonly string[] = shape.list
    const each = shape.each ?? nothing
    const keep = new Map(wanted.map((item) => [keyOf(item, keys, each), item]))
    const had = new Map(before.map((item) => [keyOf(item, keys, each), item]))
    return there.flatMap((item): Difference[] => {
      const key = keyOf(item, keys, each)
      if (!had.has(key)) return []
      const at = [...path, { item: itemName(item, keys) }]
      if (!keep.has(key)) return [{ path: at, kind: 'removed', before: item }]
      return sinceManifest(had.get(key), keep.get(key), item, each, at)
    })
  }
  if (!isFields(before) || !isFields(there)) return []
  return Object.keys(before).flatMap((key) => {
    if (before[key] === undefined || before[key] === null) return []
    return ofField(key, wanted, there, shape, path, (rest, value, part, at) =>
      sinceManifest(before[key], rest, value, part, at),
    )
  })
}

type Inside = (wanted: unknown, there: unknown, shape: Shape, path: readonly Step[]) => Difference[]

function ofField(
  key: string,
  wanted: unknown,
  there: Fields,
  shape: Shape,
  path: readonly Step[],
  inside: Inside,
): Difference[] {
  const part = partOf(shape, key)
  const at = [...path, { field: key }]
  const value = there[key]
  const rest = isFields(wanted) ? wanted[key] : undefined
  if (value === undefined || value === null) return []
  if (rest !== undefined && rest !== null) return inside(rest, value, part, at)
  const filledIn = defaultOf(part, isFields(wanted) ? wanted : {})
  // What the server would put there again is no change.
  const none = filledIn === undefined ? isZero(value) && !part.zeroCounts : same(value, filledIn, part)
  if (none) return []
  return [{ path: at, kind: 'removed', before: value }]
}

/** `f:name` is a field, `k:{…}` an item by its keys, `v:…` an item by its value, `.` the thing itself; a leaf is owned as a whole. */
function sinceFields(
  owned: Fields,
  wanted: unknown,
  there: unknown,
  shape: Shape,
  path: readonly Step[],
): Difference[] {
  return Object.entries(owned).flatMap(([name, below]): Difference[] => {
    const inner = isFields(below) ? below : {}
    const leaf = Object.keys(inner).length === 0
    if (name.startsWith('f:') && isFields(there)) {
      return ofField(name.slice(2), wanted, there, shape, path, (rest, value, part, at) => {
        if (!leaf) return sinceFields(inner, rest, value, part, at)
        // Owned as a whole (a selector): what the manifest leaves out of it goes.
        const gone = isFields(rest) && isFields(value) ? differences(value, rest, part, at) : []
        return gone
          .filter(({ kind }) => kind === 'added')
          .map((one) => ({ path: one.path, kind: 'removed', before: one.after }))
      })
    }
    if (name.startsWith('k:') && Array.isArray(there)) return ofItem(name.slice(2), inner, wanted, there, shape, path)
    if (name.startsWith('v:') && Array.isArray(there)) {
      const value = parsed(name.slice(2))
      const kept = Array.isArray(wanted) && wanted.some((one) => sameValue(one, value))
      const isThere = there.some((one) => sameValue(one, value))
      // Of lists that are compared as a whole the comparison tells.
      if (kept || !isThere || Array.isArray(wanted)) return []
      return [{ path: [...path, { item: String(value) }], kind: 'removed', before: value }]
    }
    return []
  })
}

function ofItem(
  keys: string,
  inner: Fields,
  wanted: unknown,
  there: readonly unknown[],
  shape: Shape,
  path: readonly Step[],
): Difference[] {
  const identity = parsed(keys)
  if (!isFields(identity)) return []
  const names = Object.keys(identity)
  const each = shape.each ?? nothing
  const wantedKey = keyOf(identity, names, each)
  const item = there.find((one) => keyOf(one, names, each) === wantedKey)
  if (item === undefined) return []
  const at = [...path, { item: itemName(item, names) }]
  const rest = Array.isArray(wanted) ? wanted.find((one) => keyOf(one, names, each) === wantedKey) : undefined
  return rest === undefined ? [{ path: at, kind: 'removed', before: item }] : sinceFields(inner, rest, item, each, at)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

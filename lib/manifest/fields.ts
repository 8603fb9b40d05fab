/*
 * Reading of objects whose shape nobody has checked: manifests, and what a server answered. A field that is absent, or of another type
 * than is asked for, is undefined (or empty): a rule that looks at it then says that it does not know.
 */

/** A mapping with unknown values. */
export type Fields = Readonly<Record<string, unknown>>

/** Whether a value is a mapping. */
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value at the end of a way of keys; undefined when the way ends before. */
export function field(value: unknown, ...way: readonly string[]): unknown {
  let at = value
  for (const key of way) {
    if (!isFields(at)) return undefined
    at = Object.hasOwn(at, key) ? at[key] : undefined
  }
  return at
}

/** The mapping there; empty when there is none. */
export function fieldsOf(value: unknown, ...way: readonly string[]): Fields {
  const found = field(value, ...way)
  return isFields(found) ? found : {}
}

/** The items of the list there; empty when there is none. */
export function itemsOf(value: unknown, ...way: readonly string[]): readonly unknown[] {
  const found = field(value, ...way)
  return Array.isArray(found) ? found : []
}

/** The text there. */
export function textOf(value: unknown, ...way: readonly string[]): string | undefined {
  const found = field(value, ...way)
  return typeof found === 'string' ? found : undefined
}

/** The number there. */
export function numberOf(value: unknown, ...way: readonly string[]): number | undefined {
  const found = field(value, ...way)
  return typeof found === 'number' ? found : undefined
}

/** Whether two plain values are the same; the order of keys does not matter, a key with the value undefined is no key. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) && left.length === right.length && left.every((item, index) => sameValue(item, right[index]))
    )
  }
  if (!isFields(left) || !isFields(right)) return false
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].every((key) => sameValue(left[key], right[key]))
}

/** A plain value as JSON with its keys in order: the same text for the same value. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, found) =>
    isFields(found) ? Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1))) : found,
  )
}

import { inspect, types } from 'node:util'

/**
 * A value as text that is equal for equal values: of objects the order of keys does not matter, and types are told apart (`1`, `'1'`, `1n`). A
 * `Secret` counts with its value: the text is only ever hashed with a key.
 */
export function canonical(value: unknown): string {
  return textOf(value, new Set())
}

function textOf(value: unknown, above: Set<object>): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `function ${value.toString()}`
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  if (above.has(value)) return 'circle'
  above.add(value)
  const text = objectText(value, above)
  above.delete(value)
  return text
}

function objectText(value: object, above: Set<object>): string {
  const list = (values: Iterable<unknown>): string => [...values].map((one) => textOf(one, above)).join(',')
  if (Array.isArray(value)) return `[${list(value)}]`
  if (value instanceof Date) return `date ${value.getTime()}`
  if (value instanceof Map) return `map{${[...value].map((pair) => list(pair)).join(';')}}`
  if (value instanceof Set) return `set{${list(value)}}`
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return `${value.constructor.name} ${bytes.toString('base64')}`
  }
  const { reveal, toJSON } = value as { reveal?: unknown; toJSON?: unknown }
  if (typeof reveal === 'function') return `secret ${JSON.stringify(String(reveal.call(value)))}`
  if (types.isRegExp(value) || value instanceof URL) return `${value.constructor.name} ${value}`
  if (typeof toJSON === 'function') return `json ${textOf(toJSON.call(value), above)}`
  const keys = Object.keys(value).sort()
  const prototype = Object.getPrototypeOf(value)
  const kind = prototype === Object.prototype || prototype === null ? '' : `${prototype.constructor?.name ?? ''} `
  if (keys.length === 0 && kind !== '') return inspect(value, { depth: null, sorted: true })
  const members = keys.map((key) => `${JSON.stringify(key)}:${textOf((value as Record<string, unknown>)[key], above)}`)
  return `${kind}{${members.join(',')}}`
}

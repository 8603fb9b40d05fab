import { createHmac } from 'node:crypto'
import { FailureError } from '../../model/failure.ts'
import { type FakeKind, isKept, type Mask } from '../../model/masking.ts'
import { type Column, valueKind } from './columns.ts'
import { arrayMembers, jsonTexts, mapArray, mapJson } from './copy-text.ts'
import { fake, leastLength, Octets, type Shape, uniqueLength } from './fakes.ts'
import type { ValueSet } from './value-set.ts'

/** A column and what becomes of it. */
export type MaskedColumn = { column: Column; mask: Mask }

/** Replaces a value of a column, as PostgreSQL writes it. */
export type Replace = (value: string | null) => string | null

type Kind = FakeKind | 'hash'
type Group = { kind: Kind; shape: Shape }

const attempts = 10_000

const kindOf = (mask: Mask): Kind | undefined => {
  if (isKept(mask) || mask === null) return undefined
  if (typeof mask === 'string') return mask as Kind
  return 'mask' in mask ? mask.mask : undefined
}

const groupName = (mask: Mask): string =>
  typeof mask === 'object' && mask !== null && 'mask' in mask ? `${mask.mask}/${mask.group}` : String(mask)

/**
 * Makes up values for columns: the same value of a group (by default: of a kind) is replaced by the same one wherever it stands, because it is made from a
 * keyed hash of it. If one column of a group is unique, all its values are; and all keep to the shortest length in it. No value is replaced by one that another
 * row had.
 */
export class Masker {
  private readonly groups = new Map<string, Group>()
  private readonly taken = new Map<string, string>()
  private readonly key: string | Buffer
  private readonly masked: ValueSet

  /** @param masked the values that are to be gone afterwards */
  constructor(key: string | Buffer, columns: readonly MaskedColumn[], masked: ValueSet) {
    this.key = key
    this.masked = masked
    for (const { column, mask } of columns) {
      const kind = kindOf(mask)
      if (kind === undefined) continue
      const { shape } = this.groups.get(groupName(mask)) ?? { shape: { unique: false, max: 1000 } }
      shape.unique ||= column.unique
      shape.max = Math.min(shape.max, column.max ?? 1000)
      this.groups.set(groupName(mask), { kind, shape })
    }
  }

  /** What replaces the values of a column; undefined where they stay. */
  replacer({ column, mask }: MaskedColumn): Replace | undefined {
    if (isKept(mask)) return undefined
    if (mask === null) return () => null
    if (typeof mask === 'object' && 'text' in mask) return (value) => (value === null ? null : mask.text)
    const group = this.groups.get(groupName(mask)) as Group
    const one = (value: string, isNumber = false) =>
      this.one(groupName(mask), group, isNumber ? { ...column, base: 'numeric', kind: 'b' } : column, value)
    const whole: Replace = (value) => {
      if (value === null) return null
      return valueKind(column) === 'json' ? mapJson(value, one) : one(value)
    }
    return column.isArray ? (value) => (value === null ? null : mapArray(value, whole)) : whole
  }

  private one(name: string, { kind, shape }: Group, column: Column, value: string): string {
    if (value === '') return ''
    const input = column.base === 'citext' ? value.toLowerCase() : value
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const made = this.make(name, kind, shape, column, input, attempt)
      if (this.masked.has(made) || made === value) continue
      if (!shape.unique || isRoomy(kind, shape)) return made
      const owner = this.taken.get(`${name}\0${made}`)
      if (owner !== undefined && owner !== input) continue
      this.taken.set(`${name}\0${made}`, input)
      return made
    }
    throw new FailureError({
      code: 'mask-exhausted',
      message: `there are not enough ${kind} values for ${column.table}.${column.name}`,
      why: 'its values are unique, and too short for as many made-up ones',
      next: ['mask the column with null, with a fixed text, or keep it'],
    })
  }

  private make(name: string, kind: Kind, shape: Shape, column: Column, value: string, attempt: number): string {
    const octets = createHmac('sha512', this.key).update(`${name}\0${attempt}\0${value}`).digest()
    const source = new Octets(octets)
    switch (valueKind(column)) {
      case 'number':
        return number(octets, value, column.base)
      case 'uuid':
        return uuid(octets)
      case 'bytes':
        return `\\x${octets.subarray(0, 16).toString('hex')}`
      case 'date':
        return fake('date', source, value, shape)
      case 'ip':
        return fake('ip', source, value, shape)
      default:
        return fake(kind, source, value, shape)
    }
  }
}

/** Whether its values have so many bits that none comes twice. */
const isRoomy = (kind: Kind, { max }: Shape): boolean => (uniqueLength[kind] ?? Number.POSITIVE_INFINITY) <= max

/** The values in a column's text: of an array its members, of JSON its texts and numbers. */
export function valuesIn(column: Column, text: string): string[] {
  const members = column.isArray ? arrayMembers(text).filter((member) => member !== null) : [text]
  return valueKind(column) === 'json' ? members.flatMap((member) => jsonTexts(member).values) : members
}

/** The names of members in a column's JSON; none in other columns. */
export function keysIn(column: Column, text: string): string[] {
  return valueKind(column) === 'json' && !column.isArray ? jsonTexts(text).keys : []
}

/** A number of as many digits, within the type. */
function number(octets: Buffer, value: string, base: string): string {
  const sign = value.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = value.replace('-', '').split('.')
  const limit = base === 'int2' ? 4 : base === 'int4' ? 9 : 18
  const digits = Math.max(1, Math.min(whole.length, limit))
  const least = digits === 1 ? 0n : 10n ** BigInt(digits - 1)
  const made = least + (octets.readBigUInt64BE(0) % (10n ** BigInt(digits) - least))
  const rest = fraction === '' ? '' : `.${String(octets.readBigUInt64BE(8)).padStart(20, '0').slice(-fraction.length)}`
  return `${sign}${made}${rest}`
}

/** Version 8 of RFC 9562: of our own making. */
function uuid(octets: Buffer): string {
  const text = octets.subarray(0, 16).toString('hex')
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-8${text.slice(13, 16)}-a${text.slice(17, 20)}-${text.slice(20, 32)}`
}

/** Why a mask does not do for a column; undefined when it does. */
export function maskProblem({ column, mask }: MaskedColumn): string | undefined {
  if (isKept(mask)) return undefined
  const values = valueKind(column)
  if (column.generated) return 'it is computed from others: mask those'
  if (mask === null) return column.notNull ? 'it takes no NULL' : undefined
  if (typeof mask === 'object' && 'text' in mask) {
    if (column.unique) return 'its values are unique, and a fixed text is not'
    if (column.max !== null && mask.text.length > column.max) return `it takes ${column.max} characters at most`
    return undefined
  }
  const kind = kindOf(mask) as Kind
  if (!fits(kind, values)) {
    return `${kind} is nothing for ${column.base}${values === 'other' ? ': null, a text or keep are' : ': hash is'}`
  }
  if (values !== 'text' || column.max === null) return undefined
  const least = (column.unique ? uniqueLength[kind] : undefined) ?? leastLength[kind]
  if (least === undefined || least <= column.max) return undefined
  return `${column.unique ? 'unique ' : ''}${kind} needs ${least} characters, and it takes ${column.max}`
}

function fits(kind: Kind, values: ReturnType<typeof valueKind>): boolean {
  if (values === 'text') return true
  if (values === 'other') return false
  if (kind === 'hash') return true
  return (
    (values === 'ip' && kind === 'ip') ||
    (values === 'date' && kind === 'date') ||
    (values === 'json' && kind === 'words')
  )
}

import { field, isFields } from '../fields.ts'

/** A step into an object: the name of a field, or the item of a list by its keys, its value or its index. */
export type Step = { field: string } | { item: string }

/** A place in an object for people: `spec.template.spec.containers[web].image`. */
export function pathText(path: readonly Step[]): string {
  return path
    .map((step, index) => {
      if ('item' in step) return `[${step.item}]`
      if (!/^[A-Za-z_][\w-]*$/.test(step.field)) return `[${JSON.stringify(step.field)}]`
      return index === 0 ? step.field : `.${step.field}`
    })
    .join('')
}

/** What an item of a keyed list is called: the values of its keys; of two items, those that differ tell them apart. */
export function itemName(item: unknown, keys: readonly string[]): string {
  return keys
    .map((key) => field(item, key))
    .filter((value) => value !== undefined)
    .map(String)
    .join('/')
}

/** A value for people: texts as they are, others as JSON; 120 characters at most. */
export function valueText(value: unknown): string {
  const text = typeof value === 'string' ? (value === '' ? '""' : value) : (JSON.stringify(value) ?? 'nothing')
  const line = text.replaceAll('\n', '\\n')
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}

/** Whether servers leave the value out, as it is the zero of its type. */
export const isZero = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === 0 ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (isFields(value) && Object.values(value).every((one) => one === undefined || one === null))

import type { Fields } from '../fields.ts'

/**
 * What is known of a part of an object beyond its bare value: what the server fills in, which lists are keyed or without order, where
 * quantities stand. What has no shape is compared as it is.
 */
export type Shape = {
  /** The parts of a mapping. */
  fields?: Readonly<Record<string, Shape>>
  /** The parts of all values of a mapping, or of all items of a list. */
  each?: Shape
  /**
   * A list's order: `set` has none; keys name the fields by which items are found, and each is changed by itself. A list without it is
   * one in which order counts, and which is replaced as a whole; so is a set.
   */
  list?: 'set' | readonly string[]
  /** Items found by keys stand in an order that counts as well; from the items, where they decide. */
  inOrder?: true | ((items: readonly unknown[]) => boolean)
  /** What the server fills in where the field is absent; from the mapping that it stands in, where that decides. */
  default?: unknown | ((around: Fields) => unknown)
  quantity?: true
  /** Zero and `false` are something else than the field's absence (a run as user 0). */
  zeroCounts?: true
}

/** A part with fields. */
export const object = (fields: Readonly<Record<string, Shape>>): Shape => ({ fields })
/** A part that the server fills in. */
export const filled = (value: unknown | ((around: Fields) => unknown), rest: Shape = {}): Shape => ({
  ...rest,
  default: value,
})
/** A list whose items are found by keys. */
export const keyed = (keys: readonly string[], each: Shape = {}, inOrder?: Shape['inOrder']): Shape => ({
  list: keys,
  each,
  ...(inOrder && { inOrder }),
})
/** A list without order. */
export const set = (each: Shape = {}): Shape => ({ list: 'set', each })
/** A list in which order counts. */
export const ordered = (each: Shape): Shape => ({ each })
/** A field whose zero is not its absence. */
export const exact: Shape = { zeroCounts: true }
/** A quantity. */
export const quantity: Shape = { quantity: true }
/** A mapping of quantities. */
export const quantities: Shape = { each: quantity }

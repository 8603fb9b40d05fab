import type { z } from 'zod'
import type { Path } from '../manifest/yaml-file.ts'

/** The parts of zod's definitions that are read here (zod 4, `schema._zod.def`). */
type Definition = {
  type: string
  innerType?: z.core.$ZodType
  shape?: Record<string, z.core.$ZodType>
  element?: z.core.$ZodType
  options?: readonly z.core.$ZodType[]
  keyType?: z.core.$ZodType
  valueType?: z.core.$ZodType
  entries?: Record<string, string>
  values?: readonly unknown[]
}

const definitionOf = (schema: z.core.$ZodType): Definition => schema._zod.def as unknown as Definition

/**
 * The names of the keys that a schema knows at a path, in the order of the schema; empty where keys are free. `value` is the whole input: it
 * decides between the members of a union (`type: http`).
 */
export function knownKeys(schema: z.core.$ZodType, path: Path, value: unknown): string[] {
  let candidates = expand(schema, value)
  let at = value
  for (const step of path) {
    at = at instanceof Object ? (at as Record<string | number, unknown>)[step] : undefined
    candidates = candidates.flatMap((candidate) => {
      const child = childOf(definitionOf(candidate), step)
      return child ? expand(child, at) : []
    })
  }
  return [...new Set(candidates.flatMap(keysOf))]
}

function keysOf(schema: z.core.$ZodType): string[] {
  const definition = definitionOf(schema)
  if (definition.shape) return Object.keys(definition.shape)
  const keys = definition.keyType && definitionOf(definition.keyType).entries
  return keys ? Object.values(keys) : []
}

function childOf(definition: Definition, step: string | number): z.core.$ZodType | undefined {
  if (definition.shape) return definition.shape[step]
  return definition.element ?? definition.valueType
}

/** A schema without its wrappers; of a union, the members that the value can be meant for. */
function expand(schema: z.core.$ZodType, value: unknown): z.core.$ZodType[] {
  const definition = definitionOf(schema)
  if (definition.innerType) return expand(definition.innerType, value)
  if (!definition.options) return [schema]
  const members = definition.options.flatMap((option) => expand(option, value))
  const meant = members.filter((member) => literalsFit(definitionOf(member), value))
  return meant.length > 0 ? meant : members
}

/** Whether all keys of an object schema that have one fixed value have it in the input. */
function literalsFit(definition: Definition, value: unknown): boolean {
  return Object.entries(definition.shape ?? {}).every(([key, schema]) => {
    const { type, values } = definitionOf(schema)
    return type !== 'literal' || values?.includes((value as Record<string, unknown> | undefined)?.[key])
  })
}

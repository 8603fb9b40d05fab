import { z } from 'zod'
import { environmentSchema, workspaceSchema } from '../model/environment.ts'
import { maskingSchema } from '../model/masking.ts'
import { serviceSchema } from '../model/service.ts'

const sources = {
  service: { schema: serviceSchema, title: 'vital-ops service (config/services/<name>.yaml)' },
  environment: { schema: environmentSchema, title: 'vital-ops environment (config/environments/<name>.yaml)' },
  masking: { schema: maskingSchema, title: 'vital-ops masking (database/masking.yaml)' },
  workspace: { schema: workspaceSchema, title: 'vital-ops workspace (config/workspace.yaml)' },
} as const

/** The kinds of configuration files that have a JSON Schema in schemas/. */
export type SchemaName = keyof typeof sources

/** The names of the JSON Schemas, one file `schemas/<name>.json` each. */
export const schemaNames = Object.keys(sources) as SchemaName[]

/**
 * The JSON Schema (draft 2020-12) of a kind of configuration file, as text with a line feed at its end: what editors complete and check with.
 * It describes what is written, before defaults are filled in.
 */
export function jsonSchemaText(name: SchemaName): string {
  const { schema, title } = sources[name]
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', override: dropSafeIntegerBounds })
  return `${JSON.stringify({ $schema, $id: `urn:vital-ops:schema:${name}`, title, ...rest }, null, 2)}\n`
}

/** zod bounds every integer by what a double holds exactly; to a person who reads the schema that says nothing. */
function dropSafeIntegerBounds({ jsonSchema }: { jsonSchema: { minimum?: number; maximum?: number } }): void {
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
}

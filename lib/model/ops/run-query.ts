import { z } from 'zod'
import { defineOpKind, sourceSchema } from './shared.ts'

/** Runs a query of the workspace that changes something, in one transaction. */
export const runQuery = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    source: sourceSchema,
    name: z.string(),
    folder: z.enum(['diagnostics', 'analytics', 'utilities']),
    path: z.string(),
    sha256: z.string(),
    values: z.record(z.string(), z.string().nullable()),
    timeoutMs: z.number(),
  }),
  text: ({ service, name, values }) =>
    [
      `query ${service}: ${name}`,
      ...Object.entries(values).map(([key, value]) => `--${key} ${value === null ? 'null' : JSON.stringify(value)}`),
    ].join(' '),
})

import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Deletes the rows of a table that are older than a policy keeps, in portions. */
export const pruneRows = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    table: z.string(),
    column: z.string(),
    keep: z.string(),
  }),
  text: ({ service, table, column, keep }) =>
    `delete rows of ${table} on ${service} whose ${column} is older than ${keep}`,
})

import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Vacuums, analyses or rebuilds one table or index, or drops one that a rebuild left, because its figures say so. Locks nobody out for longer than a moment. */
export const maintainTable = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    action: z.enum(['vacuum', 'analyze', 'vacuum analyze', 'reindex', 'drop index']),
    /** As it is written in SQL. */
    target: z.string(),
  }),
  text: ({ service, action, target }) => `${action} ${target} on ${service}`,
})

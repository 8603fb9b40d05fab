import { z } from 'zod'
import { isKept, maskSchema, subsetSchema } from '../masking.ts'
import { defineOpKind } from './shared.ts'

/** Replaces the rows of an environment's tables by those of another one, masked, in one transaction. */
export const syncData = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    /** The environment that the rows come from. */
    from: z.string(),
    tables: z.array(
      z.strictObject({
        table: z.string(),
        columns: z.array(z.string()),
        /** By column; those that are not named are kept. */
        masks: z.record(z.string(), maskSchema),
        rows: z.enum(['all', 'none']),
      }),
    ),
    subset: subsetSchema.nullable(),
  }),
  text: ({ service, from, tables, subset }) => {
    const masked = tables.flatMap(({ masks }) => Object.values(masks)).filter((mask) => !isKept(mask)).length
    const columns = `${masked} masked ${masked === 1 ? 'column' : 'columns'}`
    return `replace the rows of ${tables.length} tables on ${service} by those of ${from}, with ${columns}${subset ? ', a subset' : ''}`
  },
})

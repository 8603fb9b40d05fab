import { z } from 'zod'
import { valueSchema } from '../backup-sources.ts'
import { defineOpKind } from './shared.ts'

/** Puts what was restored in the place of what is there, by renaming both. The old one is kept under another name. */
export const switchDatabase = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    version: z.int(),
    url: valueSchema.optional(),
    method: z.enum(['logical', 'physical']),
    database: z.string(),
    from: z.string(),
  }),
  text: ({ service, database, method, from }) =>
    method === 'physical'
      ? `put the restored data folder of ${service} in place; the old one is kept beside it`
      : `rename ${from} to ${database} on ${service}; the old one is kept beside it`,
})

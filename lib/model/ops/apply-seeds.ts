import { z } from 'zod'
import { defineOpKind, sourceSchema } from './shared.ts'

/** Runs the seeds that were not run in their present form. */
export const applySeeds = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    source: sourceSchema,
    files: z.array(z.strictObject({ name: z.string(), path: z.string(), sha256: z.string() })),
    pending: z.array(z.string()).nullable(),
  }),
  text: ({ service, pending, files }) =>
    pending === null
      ? `seed ${service}: pending ones of ${files.length} (known after ${service} is ready)`
      : `seed ${service}: ${pending.join(', ')}`,
})

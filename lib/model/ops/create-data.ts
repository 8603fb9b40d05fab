import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Creates the data folder of an embedded engine. */
export const createData = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    engine: z.literal('postgres'),
    version: z.int(),
    prefer: z.enum(['embedded', 'system']),
  }),
  text: ({ service, engine, version }) => `create the data of ${service} (${engine} ${version})`,
})

import { z } from 'zod'
import { defineOpKind, fingerprintSchema } from './shared.ts'

/** Stops a service and its whole process tree; keeps its data. */
export const stopService = defineOpKind({
  schema: z.strictObject({ service: z.string(), before: fingerprintSchema.nullable() }),
  text: ({ service }) => `stop ${service}`,
})

import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Sends an image that a release has built to its registry, and writes down what it is there. Skipped when the registry has it. */
export const pushImage = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    reference: z.string(),
    /** In whose record its digest is written. */
    release: z.int().min(1),
  }),
  text: ({ reference }) => `push ${reference}`,
})

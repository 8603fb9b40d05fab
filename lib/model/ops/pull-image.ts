import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Has the engine fetch an image from its registry; tried again where the network or the registry fail for a moment. */
export const pullImage = defineOpKind({
  schema: z.strictObject({
    reference: z.string(),
    /** What it is to be: `postgres@sha256:…`. Null: whatever the reference stands for. */
    identity: z.string().nullable(),
  }),
  text: ({ reference, identity }) => `pull ${reference}${identity === null ? '' : ` (${identity.slice(-12)})`}`,
})

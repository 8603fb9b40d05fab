import { z } from 'zod'
import { defineOpKind, secretReferenceSchema } from './shared.ts'

/** Drops a database with all that is in it, ends its sessions, and makes it anew, empty. */
export const resetDatabase = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    name: z.string(),
    user: z.string(),
    password: secretReferenceSchema,
  }),
  text: ({ service, name }) => `drop the database ${name} on ${service} with all its data, and make it anew`,
})

import { z } from 'zod'
import { defineOpKind, secretReferenceSchema } from './shared.ts'

/** Creates a database and the role that owns it, or sets the role's password to the configured one. */
export const ensureDatabase = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    name: z.string(),
    user: z.string(),
    password: secretReferenceSchema,
  }),
  text: ({ service, name, user }) => `ensure database ${name} and role ${user} on ${service}`,
})

import { z } from 'zod'
import { colourSchema } from '../rollout.ts'
import { defineOpKind, fingerprintSchema, runSpecSchema } from './shared.ts'

/** Points a service's Services to the pods of another colour. */
export const switchTraffic = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    spec: runSpecSchema,
    fingerprint: fingerprintSchema,
    to: colourSchema,
    from: colourSchema,
    /** The old pods stay, so that it can be switched back. */
    keep: z.boolean(),
  }),
  text: ({ service, to, from, keep }) =>
    `send requests for ${service} to ${to}${keep ? `; ${from} stays for a rollback` : `, and none to ${from}`}`,
})

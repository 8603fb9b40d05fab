import { z } from 'zod'
import { defineOpKind, fingerprintSchema, runSpecSchema } from './shared.ts'

/** Starts a service, or replaces the running one. Its before-value is the running one's fingerprint. */
export const startService = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    spec: runSpecSchema,
    fingerprint: fingerprintSchema,
    /** What runs now; null when it does not run. */
    before: fingerprintSchema.nullable(),
  }),
  text: ({ service, spec, before }) =>
    `${before === null ? 'start' : 'restart'} ${service}${
      spec.source.kind === 'release' ? ` (release ${spec.source.release})` : ''
    }${Object.keys(spec.ports).length > 0 ? ` on ${Object.values(spec.ports).join(', ')}` : ''}`,
})

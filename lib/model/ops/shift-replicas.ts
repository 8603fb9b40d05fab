import { z } from 'zod'
import { colourSchema } from '../rollout.ts'
import { defineOpKind, fingerprintSchema, runSpecSchema } from './shared.ts'

/** The next step of a canary: more new pods, and fewer old ones by as many as the step before has proven. */
export const shiftReplicas = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    spec: runSpecSchema,
    fingerprint: fingerprintSchema,
    to: colourSchema,
    from: colourSchema,
    percent: z.int(),
    /** Percent that are new and have passed their gate. */
    proven: z.int(),
  }),
  text: ({ service, to, from, percent, proven }) =>
    `raise ${to} of ${service} to ${percent} % of its pods; ${from} keeps ${100 - proven} %`,
})

import { z } from 'zod'
import { defineOpKind, runSpecSchema } from './shared.ts'

/** Starts again what a service had before the containers that failed, and removes these. What they wrote to volumes stays. */
export const bringBack = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    /** Of what failed: which container gets requests, and in which order they start. */
    spec: runSpecSchema,
  }),
  text: ({ service }) => `let what ${service} had before run again`,
})

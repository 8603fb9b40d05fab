import { z } from 'zod'
import { defineOpKind, runSpecSchema } from './shared.ts'

/** Applies what leads requests from outside to a service (Ingress, Gateway, HTTPRoute): once everything behind it is ready. */
export const applyRoutes = defineOpKind({
  schema: z.strictObject({ service: z.string(), spec: runSpecSchema }),
  text: ({ service }) => `lead requests from outside to ${service}`,
})

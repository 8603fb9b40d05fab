import { z } from 'zod'
import { defineOpKind, overlapSchema } from './shared.ts'

/** Removes the containers that a service's new ones have replaced: from here on the old ones cannot come back. Volumes are kept. */
export const dropReplaced = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    /** The service of the Compose file that gets requests, and how it changes without downtime. */
    overlap: overlapSchema.extend({ main: z.string() }).exactOptional(),
  }),
  text: ({ service, overlap }) =>
    overlap?.proxy
      ? `send requests for ${service} to the new containers (${overlap.proxy.service}), then end and remove the replaced ones`
      : `${overlap ? 'end and remove' : 'remove'} the replaced containers of ${service}`,
})

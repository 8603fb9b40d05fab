import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Removes the containers that a service's new ones have replaced: from here on the old ones cannot come back. Volumes are kept. */
export const dropReplaced = defineOpKind({
  schema: z.strictObject({ service: z.string() }),
  text: ({ service }) => `remove the replaced containers of ${service}`,
})

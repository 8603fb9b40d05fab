import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Removes old releases that neither the current one nor a rollback needs. */
export const pruneReleases = defineOpKind({
  schema: z.strictObject({ releases: z.array(z.int()).nonempty() }),
  text: ({ releases }) => `prune ${releases.length === 1 ? 'release' : 'releases'} ${releases.join(', ')}`,
})

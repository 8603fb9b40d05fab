import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Puts a restored folder in the place of the one that is there, by renaming both. The old one is kept under another name. */
export const switchFiles = defineOpKind({
  schema: z.strictObject({ source: z.string(), path: z.string() }),
  text: ({ path }) => `put the restored ${path} in place; the old one is kept beside it`,
})

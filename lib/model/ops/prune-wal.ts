import { z } from 'zod'
import { takenTargetSchema } from '../backup.ts'
import { defineOpKind } from './shared.ts'

/** Removes WAL that no backup needs any more. Looks again before it removes any: what a backup needs stays. */
export const pruneWal = defineOpKind({
  schema: z.strictObject({
    /** Of each stream what is before a file; null: all of it. */
    streams: z.array(z.strictObject({ stream: z.string(), before: z.string().nullable() })).nonempty(),
    targets: z.array(takenTargetSchema).nonempty(),
  }),
  text: ({ streams }) =>
    `prune WAL ${streams.map(({ stream, before }) => (before === null ? `of ${stream}` : `before ${before}`)).join(', ')}`,
})

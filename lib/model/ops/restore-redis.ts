import { z } from 'zod'
import { takenTargetSchema } from '../backup.ts'
import { redisSourceSchema } from '../backup-sources.ts'
import { defineOpKind } from './shared.ts'

/** Restores a Redis: into databases that are empty, compared, and then all swapped in one transaction. */
export const restoreRedis = defineOpKind({
  schema: z.strictObject({
    backup: z.int(),
    manifest: z.string(),
    targets: z.array(takenTargetSchema).nonempty(),
    identity: z.string().nullable(),
    source: redisSourceSchema,
  }),
  text: ({ backup, source }) =>
    `restore backup ${backup} of ${source.name} beside its databases, compare, and swap them; the old keys go`,
})

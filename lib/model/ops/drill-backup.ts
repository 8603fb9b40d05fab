import { z } from 'zod'
import { pointInTimeSchema, takenTargetSchema } from '../backup.ts'
import { defineOpKind } from './shared.ts'

/** Restores a backup beside everything else, compares it with what was recorded when it was taken, and writes down what was found. */
export const drillBackup = defineOpKind({
  schema: z.strictObject({
    backup: z.int(),
    /** Digest of its manifest. */
    manifest: z.string(),
    targets: z.array(takenTargetSchema).nonempty(),
    identity: z.string().nullable(),
    /** To this moment, and not to that of the backup. */
    point: pointInTimeSchema.exactOptional(),
  }),
  text: ({ backup, point }) =>
    point
      ? `drill ${point.time}: bring backup ${backup} there in a scratch server, and read it through`
      : `drill backup ${backup}: restore it into a scratch server and compare`,
})

import { z } from 'zod'
import { backupReasons, takenTargetSchema, targetText } from '../backup.ts'
import { sourceText, takenSourceSchema } from '../backup-sources.ts'
import { defineOpKind } from './shared.ts'

/** Takes a backup of an environment's sources, into every target at once. Its number is claimed when it begins. */
export const takeBackup = defineOpKind({
  schema: z.strictObject({
    reason: z.enum(backupReasons),
    sources: z.array(takenSourceSchema).nonempty(),
    targets: z.array(takenTargetSchema).nonempty(),
    recipients: z.array(z.string()),
    release: z.int().nullable(),
  }),
  text: ({ sources, targets, recipients }) =>
    `back up ${sources.map(sourceText).join(', ')} to ${targets.map(targetText).join(', ')}${
      recipients.length > 0 ? `, for ${recipients.length} ${recipients.length === 1 ? 'key' : 'keys'}` : ', unencrypted'
    }`,
})

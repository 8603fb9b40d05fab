import { z } from 'zod'
import { takenTargetSchema } from '../backup.ts'
import { defineOpKind } from './shared.ts'

/** Removes backups that no rule of the policy keeps. Looks again before it removes one: the newest verified backup stays. */
export const pruneBackups = defineOpKind({
  schema: z.strictObject({ backups: z.array(z.int()).nonempty(), targets: z.array(takenTargetSchema).nonempty() }),
  text: ({ backups }) => `prune ${backups.length === 1 ? 'backup' : 'backups'} ${backups.join(', ')}`,
})

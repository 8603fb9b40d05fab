import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Hands the release's outcome to a command, as JSON on its standard input. */
export const sendNotification = defineOpKind({
  schema: z.strictObject({
    on: z.enum(['healthy', 'failed', 'rolled-back']),
    command: z.array(z.string()),
    release: z.int(),
  }),
  text: ({ on, command }) => `notify (${on}): ${command[0]}`,
})

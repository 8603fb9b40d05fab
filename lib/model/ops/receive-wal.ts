import { z } from 'zod'
import { takenTargetSchema, targetText } from '../backup.ts'
import { formatDuration } from '../duration.ts'
import { defineOpKind } from './shared.ts'

/** Starts what receives a server's WAL beside it, or replaces the running one. A slot on the server keeps the WAL that is not received yet. */
export const receiveWal = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    /** Major version of the server, and where it answers. */
    version: z.int(),
    port: z.int(),
    targets: z.array(takenTargetSchema).nonempty(),
    recipients: z.array(z.string()),
    everyMs: z.number(),
    keepBytes: z.number(),
  }),
  text: ({ service, targets, everyMs }) =>
    `receive the WAL of ${service} into ${targets.map(targetText).join(', ')}, what is not complete every ${formatDuration(everyMs)}`,
})

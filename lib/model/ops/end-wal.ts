import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Ends what receives a server's WAL, and removes the slot that keeps it. What is in the targets stays. */
export const endWal = defineOpKind({
  schema: z.strictObject({ service: z.string() }),
  text: ({ service }) => `receive no more WAL of ${service}, and remove its slot`,
})

import { z } from 'zod'
import { colourSchema } from '../rollout.ts'
import { defineOpKind } from './shared.ts'

/** Removes the pods of a service that get no requests any more, with what only they need. */
export const dropColour = defineOpKind({
  schema: z.strictObject({ service: z.string(), colour: colourSchema }),
  text: ({ service, colour }) => `remove ${colour === 'plain' ? 'the pods without colour' : colour} of ${service}`,
})

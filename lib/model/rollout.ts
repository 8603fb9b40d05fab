import { z } from 'zod'

/**
 * The Deployments of a service that is not simply rolled: two that take turns, told apart by a colour; `plain` is the one of a service that is rolled.
 */
export const colours = ['plain', 'blue', 'green'] as const
/** One of `colours`. */
export type Colour = (typeof colours)[number]

/** How new pods take the place of the old ones, where they are not simply rolled. */
export type RolloutStrategy =
  /** Beside the old ones; then the Service is switched. `keep`: the old ones stay until the next deploy, so that a rollback is a switch. */
  | { type: 'blue-green'; keep: boolean }
  /** More and more of them, in percent of the replicas: ascending, the last is 100. */
  | { type: 'canary'; steps: number[] }

/** `strategy` of a service's `kubernetes`, as its file says it. */
export const strategySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('rolling') }),
  z.strictObject({
    type: z.literal('blue-green'),
    keep: z
      .boolean()
      .default(true)
      .describe('The old pods stay until the next deploy: a rollback switches back to them'),
  }),
  z.strictObject({
    type: z.literal('canary'),
    steps: z
      .array(z.int().min(1).max(100))
      .nonempty()
      .refine((steps) => steps.every((step, index) => index === 0 || step > (steps[index - 1] as number)), {
        error: 'expected ascending percentages: [10, 50, 100]',
      })
      .default([10, 50, 100])
      .describe('Percent of the replicas that are new, each after the gate of the one before'),
  }),
])

/** A strategy as ops and records carry it. */
export const rolloutStrategySchema: z.ZodType<RolloutStrategy> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('blue-green'), keep: z.boolean() }),
  z.strictObject({ type: z.literal('canary'), steps: z.array(z.int()) }),
])

/** One of `colours`. */
export const colourSchema = z.enum(colours)

/** Where a start puts the new pods. */
export type Lane = {
  colour: Colour
  /** The one that gets requests now; absent where nothing is there. */
  live?: Colour
  /** So much of the replicas at first; absent: all. */
  percent?: number
  /** The pods of that very release are there still. */
  there?: true
}

/** A lane as ops carry it. */
export const laneSchema: z.ZodType<Lane> = z.strictObject({
  colour: colourSchema,
  live: colourSchema.exactOptional(),
  percent: z.int().exactOptional(),
  there: z.literal(true).exactOptional(),
})

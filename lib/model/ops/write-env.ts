import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Writes an environment's `.env` file from its example: creates it, or adds the keys that it lacks. Never overwrites a value. */
export const writeEnv = defineOpKind({
  schema: z.strictObject({
    /** Absolute. */
    path: z.string(),
    example: z.string(),
    create: z.boolean(),
    /** Keys to add, in the example's order. */
    add: z.array(z.string()),
    /** Those of `add` whose value is generated. */
    generate: z.array(z.string()),
  }),
  text: ({ path, create, add, generate }) =>
    `${create ? 'write' : 'extend'} ${path.split('/').at(-1)}: ${add.join(', ')}${
      generate.length > 0 ? ` (generated: ${generate.join(', ')})` : ''
    }`,
})

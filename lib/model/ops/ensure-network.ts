import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Creates a shared network of the environment, with the workspace's label. One of that name that is another's is not taken over. */
export const ensureNetwork = defineOpKind({
  schema: z.strictObject({ network: z.string() }),
  text: ({ network }) => `create the network ${network}`,
})

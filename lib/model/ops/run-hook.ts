import { z } from 'zod'
import { hookMoments } from '../environment.ts'
import { defineOpKind } from './shared.ts'

/** Runs a task of the Taskfile at a moment of a deploy. */
export const runHook = defineOpKind({
  schema: z.strictObject({
    moment: z.enum(hookMoments),
    task: z.string(),
    onError: z.enum(['fail', 'warn']),
    repeatable: z.boolean(),
    arguments: z.strictObject({
      environment: z.string(),
      release: z.int(),
      revision: z.string(),
      previous: z.int().nullable(),
    }),
  }),
  text: ({ moment, task, onError }) => `hook ${moment}: ${task}${onError === 'warn' ? ' (a failure only warns)' : ''}`,
})

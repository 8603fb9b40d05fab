import { z } from 'zod'
import { defineOpKind, sourceSchema } from './shared.ts'

/** Runs a service's build command in its source. Skipped when that artefact was built there. */
export const runBuild = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    source: sourceSchema,
    command: z.array(z.string()),
    directory: z.string(),
    artefact: z.string(),
  }),
  text: ({ service, command }) => `build ${service}: ${command.join(' ')}`,
})

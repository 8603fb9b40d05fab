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
    /** An image instead of files: made from `directory` by this file of the source, under this name. */
    image: z.strictObject({ dockerfile: z.string(), reference: z.string() }).exactOptional(),
  }),
  text: ({ service, command, image }) =>
    `build ${service}: ${image ? `${image.reference} from ${image.dockerfile}` : command.join(' ')}`,
})

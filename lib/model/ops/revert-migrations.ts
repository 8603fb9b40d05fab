import { z } from 'zod'
import { migrationSchema } from './apply-migrations.ts'
import { defineOpKind, sourceSchema } from './shared.ts'

/** Undoes applied migrations by their down parts, each in its own transaction where it can be. */
export const revertMigrations = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    source: sourceSchema,
    /** How long each statement may take, where its file says nothing; absent: as long as it wants. */
    statementTimeoutMs: z.int().min(0).exactOptional(),
    /** In the order in which they are undone: the last applied first. */
    files: z.array(migrationSchema),
  }),
  text: ({ service, files }) =>
    `undo on ${service}: ${files.map(({ version, name }) => `${version} ${name}`).join(', ')}`,
})

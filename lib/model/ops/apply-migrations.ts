import { z } from 'zod'
import { defineOpKind, sourceSchema } from './shared.ts'

/** A migration's file, as ops carry it. */
export const migrationSchema = z.strictObject({
  version: z.string(),
  name: z.string(),
  path: z.string(),
  sha256: z.string(),
  effect: z.enum(['expand', 'breaking']),
  repeatable: z.literal(true).exactOptional(),
  down: z.strictObject({ path: z.string(), sha256: z.string() }).exactOptional(),
  problem: z.strictObject({ message: z.string(), line: z.int(), column: z.int() }).exactOptional(),
})

/** Applies the pending migrations of a database in version order, each in its own transaction where it can be. */
export const applyMigrations = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    source: sourceSchema,
    /** How long each statement may take, where its file says nothing; absent: as long as it wants. */
    statementTimeoutMs: z.int().min(0).exactOptional(),
    /** All files; which of them are pending is known only once the database answers when `pending` is null. */
    files: z.array(migrationSchema),
    pending: z.array(z.string()).nullable(),
  }),
  text: ({ service, files, pending }) =>
    pending === null
      ? `migrate ${service}: pending ones of ${files.length} (known after ${service} is ready)`
      : `migrate ${service}: ${files
          .filter((file) => pending.includes(file.version))
          .map((file) => `${file.version} ${file.name}${file.effect === 'breaking' ? ' (breaking)' : ''}`)
          .join(', ')}`,
})

import { z } from 'zod'
import { migrationSchema } from './apply-migrations.ts'
import { defineOpKind, sourceSchema } from './shared.ts'

/** Changes what the ledger says of migrations, and runs none: a baseline, the taking over of another tool's history, a repair. */
export const editLedger = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    source: sourceSchema,
    /** Why, for the ledger's `applied_by`: `baseline`, `imported from dbmate`. */
    reason: z.string(),
    /** Recorded as applied, in this order. */
    record: z.array(z.strictObject({ file: migrationSchema, appliedAt: z.string().exactOptional() })),
    /** Applied ones whose file counts as it is now; `from` is the digest that the ledger has. */
    accept: z.array(z.strictObject({ file: migrationSchema, from: z.string() })),
    /** Versions whose rows are taken away. */
    forget: z.array(z.string()),
  }),
  text: ({ service, record, accept, forget }) =>
    [
      [`record as applied on ${service}`, record.map(({ file }) => `${file.version} ${file.name}`)] as const,
      ['accept as they are now', accept.map(({ file }) => `${file.version} ${file.name}`)] as const,
      ['forget', forget] as const,
    ]
      .filter(([, list]) => list.length > 0)
      .map(([what, list]) => `${what}: ${list.join(', ')}`)
      .join('; '),
})

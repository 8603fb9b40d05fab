import { z } from 'zod'
import { pointInTimeSchema, roleMapSchema, takenTargetSchema } from '../backup.ts'
import { valueSchema } from '../backup-sources.ts'
import { defineOpKind } from './shared.ts'

/** Restores a database from a backup into a new one beside it, and compares it. What is there is not touched. */
export const restoreDatabase = defineOpKind({
  schema: z.strictObject({
    backup: z.int(),
    manifest: z.string(),
    targets: z.array(takenTargetSchema).nonempty(),
    identity: z.string().nullable(),
    service: z.string(),
    version: z.int(),
    /** Where it is, when no service of the environment runs it. */
    url: valueSchema.optional(),
    method: z.enum(['logical', 'physical']),
    /** The database as the backup names it, and the new one's name. */
    database: z.string(),
    into: z.string(),
    /** Only these, as schema.table; null: all. */
    tables: z.array(z.string()).nullable(),
    roles: roleMapSchema,
    /** A physical backup goes into a database beside the others, and not in the place of all: as a dump of a server that is started on the side. */
    copied: z.literal(true).exactOptional(),
    /** To this moment, and not to that of the backup. */
    point: pointInTimeSchema.exactOptional(),
  }),
  text: ({ backup, service, into, tables, method, point, copied }) =>
    copied
      ? `restore backup ${backup} of ${service} into a scratch server${point ? `, bring it to ${point.time}` : ''}, copy ${tables === null ? 'it' : tables.join(', ')} into the new database ${into}, and compare`
      : method === 'physical'
        ? point
          ? `restore backup ${backup} of ${service} into a new data folder, bring it to ${point.time}, and read it through`
          : `restore backup ${backup} of ${service} into a new data folder, and compare`
        : `restore ${tables === null ? '' : `${tables.join(', ')} of `}backup ${backup} into the new database ${into} on ${service}, and compare`,
})

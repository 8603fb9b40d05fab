import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Takes the files of an export into a database; `replace` empties the tables first. */
export const importData = defineOpKind({
  schema: z.strictObject({
    service: z.string(),
    database: z.string(),
    /** The export's folder, absolute. */
    folder: z.string(),
    export: z.string(),
    format: z.enum(['csv', 'jsonl']),
    replace: z.boolean(),
    parts: z.array(
      z.strictObject({
        table: z.string(),
        file: z.string(),
        columns: z.array(z.string()),
        rows: z.int(),
        bytes: z.int(),
        sha256: z.string(),
        at: z.string(),
      }),
    ),
  }),
  text: ({ service, folder, replace, parts }) =>
    `${replace ? 'replace' : 'import'} ${parts.reduce((sum, part) => sum + part.rows, 0)} rows of ${parts
      .map(({ table }) => table)
      .join(', ')} on ${service} from ${folder}`,
})

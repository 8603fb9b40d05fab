import { z } from 'zod'
import type { SeedFile } from '../../model/desired.ts'
import { failed, ok, type Result } from '../../model/failure.ts'
import { placeAt } from '../sql/positions.ts'
import { type Rows, tableOfName } from './rows.ts'

const rowsSchema = z.array(z.record(z.string(), z.unknown()))
const named = z.strictObject({
  table: z.string().optional(),
  key: z.array(z.string()).nonempty().optional(),
  rows: rowsSchema,
})

/**
 * The rows of a JSON seed: a list of records for the table of the file's name, or `{ table, key, rows }`, or a list of such. Failure `seed-format`.
 */
export function readJsonRows(text: string, file: SeedFile): Result<Rows[]> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const at = Number(/position (\d+)/.exec((error as Error).message)?.[1] ?? Number.NaN)
    return wrong(file, (error as Error).message, Number.isNaN(at) ? {} : placeAt(text, at))
  }
  const own = tableOfName(file.name)
  const several = z.array(named).nonempty().safeParse(value)
  if (several.success) return ok(several.data.map((one) => rowsOf(one, own)))
  if (Array.isArray(value)) {
    const rows = rowsSchema.safeParse(value)
    return rows.success ? ok([{ table: own, rows: rows.data }]) : wrong(file, z.prettifyError(rows.error))
  }
  const one = named.safeParse(value)
  return one.success ? ok([rowsOf(one.data, own)]) : wrong(file, z.prettifyError(one.error))
}

const rowsOf = ({ table, key, rows }: z.output<typeof named>, own: string): Rows => ({
  table: table ?? own,
  ...(key === undefined ? {} : { key }),
  rows,
})

const wrong = (file: SeedFile, why: string, at: { line?: number; column?: number } = {}) =>
  failed({
    code: 'seed-format',
    message: `the seed ${file.name} is no list of rows`,
    place: { file: file.path, ...at },
    why,
    next: ['write [{ "column": "value" }], or { "table": "customers", "key": ["email"], "rows": [ … ] }'],
    outcome: 'unchanged',
  })

import { type Failure, FailureError } from '../../model/failure.ts'
import { nearest } from '../../model/nearest.ts'
import type { Connection } from '../connect.ts'
import { runStatement } from '../migrations/run-statement.ts'
import { advanceSequences, findTable, readTables, type Table } from '../tables.ts'

/** Rows for a table, as a seed has them. */
export type Rows = {
  /** Its name, with a schema where that is not plain. */
  table: string
  /** The columns that tell one row from another; default is the primary key, else the unique constraint that the rows fill. */
  key?: string[]
} & ({ csv: string } | { rows: Record<string, unknown>[] })

/** What a seed's name says: the table's. Digits in front order the files: `10-customers.csv` is for `customers`. */
export const tableOfName = (name: string): string => name.replace(/\.[^.]+$/, '').replace(/^\d+[-_.]/, '')

/**
 * Inserts rows, or updates those that are there by their key, and sets the sequences right: again, it changes nothing. Returns how many rows it
 * wrote. Throws `seed-table-unknown`, `seed-column-unknown`, `seed-no-key` and PostgreSQL's errors.
 */
export async function upsertRows(connection: Connection, given: Rows, file: string): Promise<number> {
  // Read each time: the seed before may have made some.
  const tables = await readTables(connection)
  const table = findTable(tables, given.table)
  if (!table) throw new FailureError(unknownTable(given.table, tables, file))
  const written =
    'csv' in given ? await fromCsv(connection, table, given, file) : await fromJson(connection, table, given, file)
  await advanceSequences(connection, [table])
  return written
}

async function fromCsv(
  connection: Connection,
  table: Table,
  given: Rows & { csv: string },
  file: string,
): Promise<number> {
  const columns = headOf(given.csv)
  checkColumns(table, columns, file)
  const list = columns.map((name) => connection.escapeIdentifier(name)).join(', ')
  await connection.query(
    `create temporary table vital_ops_seed on commit drop as select ${list} from ${table.id} with no data`,
  )
  const copy = `copy vital_ops_seed (${list}) from stdin with (format csv, header true)`
  const data = { text: given.csv.endsWith('\n') ? given.csv : `${given.csv}\n`, start: 0 }
  await runStatement(connection, { text: copy, start: 0, end: 0, data })
  const written = await upsert(connection, table, columns, keyOf(table, columns, given.key, file), 'vital_ops_seed', [])
  await connection.query('drop table vital_ops_seed')
  return written
}

/** Rows may leave out columns, which then keep their value or get their default: those of the same columns go together. */
async function fromJson(
  connection: Connection,
  table: Table,
  given: Rows & { rows: Record<string, unknown>[] },
  file: string,
): Promise<number> {
  const groups = new Map<string, { columns: string[]; rows: Record<string, unknown>[] }>()
  for (const row of given.rows) {
    const columns = Object.keys(row).sort()
    const group = groups.get(JSON.stringify(columns)) ?? { columns, rows: [] }
    group.rows.push(row)
    groups.set(JSON.stringify(columns), group)
  }
  let written = 0
  for (const { columns, rows } of groups.values()) {
    checkColumns(table, columns, file)
    const key = keyOf(table, columns, given.key, file)
    const from = `json_populate_recordset(null::${table.id}, $1::json)`
    written += await upsert(connection, table, columns, key, from, [JSON.stringify(rows)])
  }
  return written
}

/** Types whose values PostgreSQL cannot compare. */
const withoutEquality = /^(json|xml|point|polygon)\b/

async function upsert(
  connection: Connection,
  table: Table,
  columns: readonly string[],
  key: readonly string[],
  from: string,
  values: unknown[],
): Promise<number> {
  const quote = (name: string) => connection.escapeIdentifier(name)
  const list = columns.map(quote).join(', ')
  const others = columns.filter((name) => !key.includes(name)).map(quote)
  const comparable = table.columns.every(({ name, type }) => !columns.includes(name) || !withoutEquality.test(type))
  // A row that is as it should be is not written again: no trigger, no dead row.
  const change =
    others.length === 0
      ? 'do nothing'
      : `do update set ${others.map((name) => `${name} = excluded.${name}`).join(', ')}${
          comparable
            ? `
         where (${others.map((name) => `old.${name}`).join(', ')}) is distinct from (${others.map((name) => `excluded.${name}`).join(', ')})`
            : ''
        }`
  const { rowCount } = await connection.query(
    `insert into ${table.id} as old (${list}) overriding system value select ${list} from ${from} as given
     on conflict (${key.map(quote).join(', ')}) ${change}`,
    values,
  )
  return rowCount ?? 0
}

function checkColumns(table: Table, columns: readonly string[], file: string): void {
  const known = table.columns.map(({ name }) => name)
  for (const name of columns) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw new FailureError({
      code: 'seed-column-unknown',
      message: `${table.id} has no column ${JSON.stringify(name)} that can be written`,
      place: { file },
      ...(near === undefined ? { why: `it has ${known.join(', ')}` } : { nearest: near }),
    })
  }
}

function keyOf(
  table: Table,
  columns: readonly string[],
  wanted: readonly string[] | undefined,
  file: string,
): string[] {
  const candidates = [table.primaryKey, ...table.unique].filter((key) => key.length > 0)
  const same = (key: readonly string[]) => wanted === undefined || [...key].sort().join() === [...wanted].sort().join()
  const found = candidates.find((key) => same(key) && key.every((name) => columns.includes(name)))
  if (found) return found
  const named = wanted?.join(', ')
  throw new FailureError({
    code: 'seed-no-key',
    message: named
      ? `${table.id} has no unique constraint on ${named} that the rows fill`
      : `the rows for ${table.id} do not say which is which`,
    place: { file },
    why:
      candidates.length === 0
        ? 'it has neither a primary key nor a unique constraint: a second run would insert them again'
        : `its keys are ${candidates.map((key) => `(${key.join(', ')})`).join(' and ')}`,
    next: ['add the columns of a key to the rows', 'or write the seed as SQL'],
  })
}

/** The columns in the head of a CSV (RFC 4180). */
export function headOf(csv: string): string[] {
  const cells: string[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/y
  for (let match = cell.exec(csv); match !== null; match = cell.exec(csv)) {
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]?.trim() ?? '')
    if (match[3] !== ',') break
  }
  return cells
}

function unknownTable(wanted: string, tables: readonly Table[], file: string): Failure {
  const near = nearest(
    wanted,
    tables.flatMap(({ name, schema }) => [name, `${schema}.${name}`]),
  )
  return {
    code: 'seed-table-unknown',
    message: `there is no table ${wanted}, for which ${file} has rows`,
    place: { file },
    ...(near === undefined ? {} : { nearest: near }),
    next: ['task migrate status', 'name the file after its table: 10-customers.csv'],
  }
}

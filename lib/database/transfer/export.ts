import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import { nearest } from '../../model/nearest.ts'
import { errorCode, fileFailure, writeFileAtomic } from '../../system/files.ts'
import type { Connection } from '../connect.ts'
import { findTable, inForeignKeyOrder, readTables, type Table } from '../tables.ts'
import { copyOut } from './copy.ts'
import { columnList, copyOutSql, type ExportFormat } from './format.ts'
import { ParquetFile } from './parquet.ts'
import { Progress } from './progress.ts'

/** The file in an export's folder that says what belongs to it. */
export const manifestName = 'export.json'

const part = {
  file: z.string().regex(/^[^/\\]+$/, 'expected the name of a file in the same folder'),
  columns: z.array(z.string()).nonempty(),
  rows: z.int().min(0),
  bytes: z.int().min(0),
  sha256: z.string(),
  at: z.string(),
}
const manifestSchema = z.strictObject({
  version: z.literal(1),
  database: z.string(),
  format: z.enum(['csv', 'jsonl', 'parquet']),
  /** In the order in which rows can be inserted. */
  tables: z.array(z.strictObject({ table: z.string(), ...part })),
  /** `statement`: SHA-256 of what was asked, by which a run that goes on knows it. */
  queries: z.array(z.strictObject({ query: z.string(), statement: z.string(), ...part })).default([]),
  /** Set once all tables are there. */
  complete: z.boolean(),
})
/** What an export has written so far. */
export type ExportManifest = z.output<typeof manifestSchema>

/** What is exported, and where. */
export type ExportOptions = {
  folder: string
  format: ExportFormat
  /** Names of tables; all when empty, and no query is given. */
  tables: readonly string[]
  /** Statements that give rows, with a name for the file of each. */
  queries?: readonly { name: string; sql: string }[]
  /** Told of each table as it is done, and of long ones meanwhile. */
  progress(line: string): void
}

/** Reads an export's manifest; undefined where there is none. Failure `export-format`. */
export async function readManifest(folder: string): Promise<Result<ExportManifest | undefined>> {
  const file = join(folder, manifestName)
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(await readFile(file, 'utf8')))
    return parsed.success ? ok(parsed.data) : failed(noManifest(file, z.prettifyError(parsed.error)))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ok(undefined)
    if (error instanceof SyntaxError) return failed(noManifest(file, error.message))
    return failed({ ...fileFailure(error, 'read', file), outcome: 'unchanged' })
  }
}

/**
 * Writes tables into files of a folder, in the order of their foreign keys and from one snapshot, with row security off: rows that may not be seen
 * are an error and never left out in silence. Done again in the same folder, it goes on where it was broken off; what is there already is of the
 * first run's moment then (`resumed`). Failures: `table-unknown`, `export-other`, `export-format`, those of files.
 */
export async function exportTables(
  connection: Connection,
  { folder, format, tables: wanted, queries = [], progress }: ExportOptions,
): Promise<Result<ExportManifest & { resumed: number }>> {
  const all = await readTables(connection)
  const chosen = queries.length > 0 && wanted.length === 0 ? ok([]) : chooseTables(all, wanted)
  if (!chosen.ok) return chosen
  const { order } = inForeignKeyOrder(chosen.value)
  const before = await readManifest(folder)
  if (!before.ok) return before
  const database = (connection as Connection & { database?: string }).database ?? ''
  const known = before.value
  if (known && (known.complete || known.format !== format || known.database !== database)) {
    return failed({
      code: 'export-other',
      message: `${folder} holds ${known.complete ? 'an export that is complete' : `another export (${known.database}, ${known.format})`}`,
      next: ['name a folder that is empty, with --out'],
      outcome: 'unchanged',
    })
  }
  await mkdir(folder, { recursive: true })
  const manifest: ExportManifest = { version: 1, database, format, tables: [], queries: [], complete: false }
  const write = () => writeFileAtomic(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`)
  let resumed = 0
  const say = (name: string, { rows, bytes }: Part, done: unknown) => {
    if (done) resumed += 1
    progress(`${name}: ${rows} rows, ${bytes} bytes${done ? ' (was there)' : ''}`)
  }
  // Parquet has times as numbers: of UTC.
  await connection.query(`begin isolation level repeatable read read only; set local row_security = off; set local statement_timeout = 0;
    set local datestyle = 'ISO'; ${format === 'parquet' ? "set local timezone = 'UTC'" : ''}`)
  try {
    for (const table of order) {
      const done = known?.tables.find((one) => one.table === table.id)
      const select = `select ${columnList(
        connection,
        table.columns.map(({ name }) => name),
      )} from ${table.partitioned ? '' : 'only '}${table.id}`
      const to = { folder, file: fileName(`${table.schema}.${table.name}`, format), format }
      manifest.tables.push(
        done ?? { table: table.id, ...(await exportRows(connection, table.id, select, to, progress)) },
      )
      await write()
      say(table.id, manifest.tables.at(-1) as Part, done)
    }
    for (const { name, sql } of queries) {
      const statement = createHash('sha256').update(sql).digest('hex')
      const done = known?.queries.find((one) => one.query === name && one.statement === statement)
      const to = { folder, file: fileName(name, format), format }
      manifest.queries.push(
        done ?? { query: name, statement, ...(await exportRows(connection, name, sql, to, progress)) },
      )
      await write()
      say(name, manifest.queries.at(-1) as Part, done)
    }
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error
  }
  manifest.complete = true
  await write()
  return ok({ ...manifest, resumed })
}

/** The tables of the given names, or all. */
export function chooseTables(all: readonly Table[], wanted: readonly string[]): Result<Table[]> {
  if (wanted.length === 0) return ok([...all])
  const failures: Failure[] = []
  const found = new Set<Table>()
  for (const name of wanted) {
    const table = findTable(all, name)
    const near = table
      ? undefined
      : nearest(
          name,
          all.flatMap((one) => [one.name, `${one.schema}.${one.name}`]),
        )
    if (table) found.add(table)
    else
      failures.push({
        code: 'table-unknown',
        message: `there is no table ${name}`,
        ...(near ? { nearest: near } : {}),
        outcome: 'usage',
      })
  }
  const [first, ...rest] = failures
  return first ? failed(first, ...rest) : ok(all.filter((table) => found.has(table)))
}

type Part = Omit<ExportManifest['tables'][0], 'table'>

const fileName = (name: string, format: ExportFormat): string => `${name.replace(/[^\w.-]/g, '_')}.${format}`

async function exportRows(
  connection: Connection,
  name: string,
  select: string,
  { folder, file, format }: { folder: string; file: string; format: ExportFormat },
  say: (line: string) => void,
): Promise<Part> {
  const { fields } = await connection.query(`select * from (${select}\n) rows limit 0`)
  const columns = fields.map((field) => field.name) as [string, ...string[]]
  const twice = columns.find((column, at) => columns.indexOf(column) < at)
  if (columns.length === 0 || twice !== undefined) throw new FailureError(badColumns(name, twice))
  const path = join(folder, file)
  const hash = createHash('sha256')
  const progress = new Progress(name, say)
  const so = { rows: 0, bytes: 0 }
  const handle = await open(`${path}.part`, 'w')
  try {
    const parquet =
      format === 'parquet'
        ? new ParquetFile(
            handle,
            fields.map((field) => ({ name: field.name, type: field.dataTypeID })),
          )
        : undefined
    const count = await copyOut(connection, copyOutSql(`${select}\n`, format), async (piece, rows) => {
      so.bytes += piece.length
      so.rows = rows
      progress.tell(so)
      if (parquet) return parquet.write(piece)
      hash.update(piece)
      await handle.writeFile(piece)
    })
    const written = parquet ? await parquet.end() : { bytes: so.bytes, sha256: hash.digest('hex') }
    await handle.sync()
    await handle.close()
    await rename(`${path}.part`, path)
    const rows = format === 'csv' ? Math.max(0, count - 1) : count
    return { file, columns, rows, ...written, at: new Date().toISOString() }
  } finally {
    await handle.close().catch(() => {})
  }
}

const badColumns = (name: string, twice: string | undefined): Failure => ({
  code: 'export-columns',
  message: twice === undefined ? `${name} has no columns` : `${name} gives two columns that are called ${twice}`,
  ...(twice === undefined ? {} : { next: [`give one of them another name: ${twice} as …`] }),
  outcome: 'unchanged',
})

const noManifest = (file: string, why: string): Failure => ({
  code: 'export-format',
  message: `${file} is no manifest of an export`,
  place: { file },
  why,
  outcome: 'unchanged',
})

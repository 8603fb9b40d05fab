import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { nearest } from '../../model/nearest.ts'
import { errorCode, fileFailure, writeFileAtomic } from '../../system/files.ts'
import type { Connection } from '../connect.ts'
import { findTable, inForeignKeyOrder, readTables, type Table } from '../tables.ts'
import { copyOut } from './copy.ts'
import { columnList, copyOutSql, type RowFormat } from './format.ts'

/** The file in an export's folder that says what belongs to it. */
export const manifestName = 'export.json'

const manifestSchema = z.strictObject({
  version: z.literal(1),
  database: z.string(),
  format: z.enum(['csv', 'jsonl']),
  /** In the order in which rows can be inserted. */
  tables: z.array(
    z.strictObject({
      table: z.string(),
      file: z.string().regex(/^[^/\\]+$/, 'expected the name of a file in the same folder'),
      columns: z.array(z.string()).nonempty(),
      rows: z.int().min(0),
      bytes: z.int().min(0),
      sha256: z.string(),
      at: z.string(),
    }),
  ),
  /** Set once all tables are there. */
  complete: z.boolean(),
})
/** What an export has written so far. */
export type ExportManifest = z.output<typeof manifestSchema>

/** What is exported, and where. */
export type ExportOptions = {
  folder: string
  format: RowFormat
  /** Names of tables; all when empty. */
  tables: readonly string[]
  /** Told of each table as it is done. */
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
  { folder, format, tables: wanted, progress }: ExportOptions,
): Promise<Result<ExportManifest & { resumed: number }>> {
  const all = await readTables(connection)
  const chosen = chooseTables(all, wanted)
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
  const manifest: ExportManifest = { version: 1, database, format, tables: [], complete: false }
  const write = () => writeFileAtomic(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`)
  let resumed = 0
  await connection.query(
    'begin isolation level repeatable read read only; set local row_security = off; set local statement_timeout = 0',
  )
  try {
    for (const table of order) {
      const done = known?.tables.find((one) => one.table === table.id)
      if (done) resumed += 1
      manifest.tables.push(done ?? (await exportTable(connection, table, folder, format)))
      await write()
      const { rows, bytes } = manifest.tables.at(-1) as ExportManifest['tables'][0]
      progress(`${table.id}: ${rows} rows, ${bytes} bytes${done ? ' (was there)' : ''}`)
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

async function exportTable(
  connection: Connection,
  table: Table,
  folder: string,
  format: RowFormat,
): Promise<ExportManifest['tables'][0]> {
  const columns = table.columns.map(({ name }) => name) as [string, ...string[]]
  const file = `${table.schema}.${table.name}`.replace(/[^\w.-]/g, '_')
  const path = join(folder, `${file}.${format}`)
  const hash = createHash('sha256')
  let bytes = 0
  const handle = await open(`${path}.part`, 'w')
  try {
    const select = `select ${columnList(connection, columns)} from ${table.partitioned ? '' : 'only '}${table.id}`
    const count = await copyOut(connection, copyOutSql(select, format), async (piece) => {
      hash.update(piece)
      bytes += piece.length
      await handle.writeFile(piece)
    })
    await handle.sync()
    await handle.close()
    await rename(`${path}.part`, path)
    const rows = format === 'csv' ? Math.max(0, count - 1) : count
    const at = new Date().toISOString()
    return { table: table.id, file: `${file}.${format}`, columns, rows, bytes, sha256: hash.digest('hex'), at }
  } finally {
    await handle.close().catch(() => {})
  }
}

const noManifest = (file: string, why: string): Failure => ({
  code: 'export-format',
  message: `${file} is no manifest of an export`,
  place: { file },
  why,
  outcome: 'unchanged',
})

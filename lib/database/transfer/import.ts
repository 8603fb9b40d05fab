import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { advanceSequences, findTable, inForeignKeyOrder, readTables, type Table } from '../tables.ts'
import { copyIn } from './copy.ts'
import type { ExportManifest } from './export.ts'
import { copyInSql } from './format.ts'
import { Progress } from './progress.ts'

/** What was imported into a database, so that a second run goes on where the first was broken off. */
const ledger = `create schema if not exists vital_ops;
create table if not exists vital_ops.imports (
  export text not null, "table" text not null, rows bigint not null, at timestamptz not null default pg_catalog.clock_timestamp(),
  primary key (export, "table"))`

/** A table's part of an export. */
export type ImportPart = ExportManifest['tables'][0]

/** Names an export by its content. */
export const exportId = ({ tables }: Pick<ExportManifest, 'tables'>): string =>
  createHash('sha256')
    .update(JSON.stringify(tables.map(({ table, sha256 }) => [table, sha256])))
    .digest('hex')
    .slice(0, 32)

/** The tables of an export that a database has taken already. Reads only. */
export async function importedTables(connection: Connection, id: string): Promise<string[]> {
  const { rows } = await connection.query<{ there: boolean }>(
    `select to_regclass('vital_ops.imports') is not null as there`,
  )
  if (!rows[0]?.there) return []
  const done = await connection.query<{ table: string }>('select "table" from vital_ops.imports where export = $1', [
    id,
  ])
  return done.rows.map(({ table }) => table)
}

/** How an import is done. */
export type ImportOptions = {
  folder: string
  id: string
  format: 'csv' | 'jsonl'
  parts: readonly ImportPart[]
  /** Empties the tables first; then all is one transaction. */
  replace: boolean
  progress(line: string): void
}

/**
 * Takes files of an export into tables, each in one transaction with its row in the ledger, in the order of the foreign keys of the database as it
 * is; tables that refer to each other in a circle, and a replacement, in one transaction for all. Files are compared with their digests as they are
 * read. Then sequences go past the greatest values. Failures: `table-unknown`, `import-file-changed`, `import-failed`.
 */
export async function importTables(connection: Connection, options: ImportOptions): Promise<Result<number>> {
  const tables = await readTables(connection)
  const wanted: { part: ImportPart; id: string; foreignKeys: Table['foreignKeys']; table: Table }[] = []
  for (const part of options.parts) {
    const table = findTable(tables, part.table)
    if (!table)
      return failed({
        code: 'table-unknown',
        message: `there is no table ${part.table} to import into`,
        next: ['task migrate status'],
      })
    wanted.push({ part, table, id: table.id, foreignKeys: table.foreignKeys })
  }
  const { order, cycles } = inForeignKeyOrder(wanted)
  const together = options.replace || cycles.length > 0
  await connection.query(ledger)
  let rows = 0
  const groups = together ? [order] : order.map((one) => [one])
  for (const group of groups) {
    await withOpenConstraints(
      connection,
      group.map(({ table }) => table),
      async () => {
        if (options.replace) await connection.query(`truncate ${group.map(({ id }) => id).join(', ')}`)
        for (const { part, table } of group) {
          const count = await importTable(connection, table, part, options)
          rows += count
          options.progress(`${table.id}: ${count} rows`)
          await connection.query(
            `insert into vital_ops.imports (export, "table", rows) values ($1, $2, $3)
           on conflict (export, "table") do update set rows = excluded.rows, at = pg_catalog.clock_timestamp()`,
            [options.id, part.table, count],
          )
        }
        await advanceSequences(
          connection,
          group.map(({ table }) => table),
        )
      },
    )
  }
  return ok(rows)
}

/**
 * A transaction in which foreign keys between the tables are only looked at at its end, also those that are not declared so: rows that refer to
 * each other can be inserted in any order. The declarations are afterwards what they were.
 */
export async function withOpenConstraints(
  connection: Connection,
  tables: readonly Table[],
  work: () => Promise<void>,
): Promise<void> {
  const { cycles } = inForeignKeyOrder(tables)
  const inCircle = new Set(cycles.flat())
  await connection.query('begin; set local statement_timeout = 0; set local row_security = off')
  try {
    const { rows: opened } = await connection.query<{ table: string; name: string }>(
      `select conrelid::regclass::text as table, format('%I', conname) as name from pg_catalog.pg_constraint
       where contype = 'f' and not condeferrable and conparentid = 0 and format('%s', conrelid::regclass::oid) = any ($1)`,
      [inCircle.size === 0 ? [] : await oidsOf(connection, [...inCircle])],
    )
    for (const { table, name } of opened)
      await connection.query(`alter table ${table} alter constraint ${name} deferrable initially deferred`)
    await connection.query('set constraints all deferred')
    await work()
    await connection.query('set constraints all immediate')
    for (const { table, name } of opened)
      await connection.query(`alter table ${table} alter constraint ${name} not deferrable`)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error
  }
}

async function oidsOf(connection: Connection, tables: readonly string[]): Promise<string[]> {
  const { rows } = await connection.query<{ oid: string }>(
    'select t::regclass::oid::text as oid from unnest($1::text[]) t',
    [tables],
  )
  return rows.map(({ oid }) => oid)
}

async function importTable(
  connection: Connection,
  table: Table,
  part: ImportPart,
  { folder, format, progress }: ImportOptions,
): Promise<number> {
  const { before, copy, after } = copyInSql(connection, table, part.columns, format)
  for (const sql of before) await connection.query(sql)
  const hash = createHash('sha256')
  const said = new Progress(table.id, progress)
  let bytes = 0
  const read = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of createReadStream(join(folder, part.file), { highWaterMark: 256 * 1024 })) {
      hash.update(piece as Buffer)
      bytes += (piece as Buffer).length
      said.tell({ bytes, all: part.bytes })
      yield piece as Buffer
    }
    // Before the COPY ends: what is not as it was exported does not come in.
    if (hash.digest('hex') !== part.sha256) throw new FailureError(fileChanged(part.file))
  }
  const count = await copyIn(connection, copy, read())
  for (const sql of after) await connection.query(sql)
  if (count !== part.rows) throw new FailureError(fileChanged(part.file))
  return count
}

const fileChanged = (file: string) => ({
  code: 'import-file-changed',
  message: `${file} is not as it was exported`,
  why: 'its digest or its number of rows is another one than the manifest says',
  next: ['export it again'],
})

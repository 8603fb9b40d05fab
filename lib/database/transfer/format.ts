import type { Connection } from '../connect.ts'
import type { Table } from '../tables.ts'

/** How rows lie in a file that can be taken in again. */
export type RowFormat = 'csv' | 'jsonl'
/** How rows can be written. */
export type ExportFormat = RowFormat | 'parquet'

/** JSON has neither character outside of its escapes, so that COPY's CSV leaves a line of it as it is. */
const rawLines = `(format csv, quote e'\\x01', delimiter e'\\x02')`

/** The statement that gives a query's rows. */
export const copyOutSql = (select: string, format: ExportFormat): string =>
  format === 'parquet'
    ? `copy (${select}) to stdout`
    : format === 'csv'
      ? `copy (${select}) to stdout with (format csv, header true)`
      : `copy (select pg_catalog.row_to_json(r) from (${select}) r) to stdout with ${rawLines}`

/** All columns of a table that can be written, quoted. */
export const columnList = (connection: Connection, columns: readonly string[]): string =>
  columns.map((name) => connection.escapeIdentifier(name)).join(', ')

/** The statements around a COPY that takes rows into a table: before it, itself, and after it. */
export function copyInSql(
  connection: Connection,
  table: Table,
  columns: readonly string[],
  format: RowFormat,
): { before: string[]; copy: string; after: string[] } {
  const list = columnList(connection, columns)
  if (format === 'csv')
    return { before: [], copy: `copy ${table.id} (${list}) from stdin with (format csv, header true)`, after: [] }
  return {
    before: ['create temporary table vital_ops_lines (line json) on commit drop'],
    copy: `copy vital_ops_lines from stdin with ${rawLines}`,
    after: [
      `insert into ${table.id} (${list}) overriding system value
       select ${columns.map((name) => `(r).${connection.escapeIdentifier(name)}`).join(', ')}
       from (select pg_catalog.json_populate_record(null::${table.id}, line) as r from vital_ops_lines offset 0) rows`,
      'drop table vital_ops_lines',
    ],
  }
}

import type { Cell, QueryResult } from './run.ts'

/** PostgreSQL's oids (pg_type.dat) of types that JSON has too. */
const numbers = new Set([21, 23, 26, 700, 701])
const [bool, int8, _numeric, json, jsonb] = [16, 20, 1700, 114, 3802]

/**
 * A value as JSON has it: numbers where JSON's hold them exactly (a bigint beyond 2^53 and every numeric stay texts), booleans, JSON itself,
 * and the server's text for all else.
 */
export function jsonValue(cell: Cell, type: number): unknown {
  if (cell === null) return null
  if (type === bool) return cell === 't'
  if (numbers.has(type) || type === int8) {
    const value = Number(cell)
    return Number.isFinite(value) && (type !== int8 || Number.isSafeInteger(value)) ? value : cell
  }
  return type === json || type === jsonb ? JSON.parse(cell) : cell
}

/** Rows as records. Columns of one name get a number behind it: `count`, `count_2`. */
export function jsonRows({ columns, rows }: Pick<QueryResult, 'columns' | 'rows'>): Record<string, unknown>[] {
  const names = distinct(columns.map(({ name }) => name))
  return rows.map((row) =>
    Object.fromEntries(row.map((cell, index) => [names[index], jsonValue(cell, columns[index]?.type ?? 0)])),
  )
}

function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let own = name
    for (let count = 2; taken.has(own); count += 1) own = `${name}_${count}`
    taken.add(own)
    return own
  })
}

/** A line of CSV as RFC 4180 and PostgreSQL's COPY have it: NULL is nothing, the empty text is `""`. Ends with a line feed. */
export const csvLine = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\n`

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  // COPY quotes its own end mark too.
  const plain = cell !== '' && cell !== '\\.' && !/[",\r\n]/.test(cell)
  return plain ? cell : `"${cell.replaceAll('"', '""')}"`
}

/** Columns and rows as CSV with a head. */
export const csvText = ({ columns, rows }: Pick<QueryResult, 'columns' | 'rows'>): string =>
  [columns.map(({ name }) => name), ...rows].map(csvLine).join('')

/** A value in a table: on one line. */
export const tableCell = (cell: Cell): string => (cell ?? '').replace(/\s+/g, ' ').trim()

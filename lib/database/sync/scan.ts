import { type Failure, FailureError } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import type { Table } from '../tables.ts'
import { copyOut } from '../transfer/copy.ts'
import { columnList } from '../transfer/format.ts'
import { type Column, scannedAs } from './columns.ts'
import { decodeField, isLongNumber } from './copy-text.ts'
import { keysIn, valuesIn } from './masker.ts'
import { fromTaken, type Taken } from './subset.ts'
import type { ValueSet } from './value-set.ts'

/** Puts the values of masked columns into the set: what is to be gone afterwards. `fixed` are texts that stand for them, and are none. */
export async function collectValues(
  source: Connection,
  table: Table,
  taken: Taken,
  columns: readonly { column: Column; fixed: string | undefined }[],
  values: ValueSet,
): Promise<void> {
  if (columns.length === 0) return
  const list = columnList(
    source,
    columns.map(({ column }) => column.name),
  )
  await copyOut(source, `copy (select ${list} ${fromTaken(table, taken)}) to stdout`, (piece) => {
    eachField(piece, (text, at) => {
      const one = columns[at]
      if (one)
        for (const value of valuesIn(one.column, text))
          if (value !== one.fixed && isValue(one.column, value)) values.add(value)
    })
  })
}

/** Small numbers stand everywhere, and in JSON they stay. */
const isValue = ({ base }: Column, value: string): boolean =>
  !/^(int[248]|numeric|jsonb?)$/.test(base) || !/^-?[\d.]+(e[+-]?\d+)?$/.test(value) || isLongNumber(value)

/** A place where masked values were found. */
export type Found = { column: string; rows: number }

/**
 * Looks for the values in every column of texts, numbers and times of a database, in JSON and arrays member by member. Columns in `unscanned` (`table name`) are
 * left out. Returns the places, and how many values were looked at.
 */
export async function scanDatabase(
  target: Connection,
  { tables, columns }: { tables: readonly Table[]; columns: readonly Column[] },
  values: ValueSet,
  unscanned: ReadonlySet<string>,
): Promise<{ found: Found[]; looked: number }> {
  const found = new Map<string, number>()
  let looked = 0
  for (const table of tables) {
    const scanned = columns.flatMap((column) => {
      const as = scannedAs(column)
      const isLeftOut = column.table !== table.id || unscanned.has(`${column.table} ${column.name}`)
      return as === undefined || isLeftOut ? [] : [{ column, as }]
    })
    if (scanned.length === 0) continue
    const list = columnList(
      target,
      scanned.map(({ column }) => column.name),
    )
    await copyOut(target, `copy (select ${list} ${fromTaken(table, 'all')}) to stdout`, (piece) => {
      eachField(piece, (text, at) => {
        const one = scanned[at]
        if (!one) return
        const { column, as } = one
        looked += 1
        const find = finders[as]
        if (![...valuesIn(column, text), ...keysIn(column, text)].some((value) => find(values, value))) return
        const name = `${column.table}.${column.name}`
        found.set(name, (found.get(name) ?? 0) + 1)
      })
    })
  }
  return { found: [...found].map(([column, rows]) => ({ column, rows })), looked }
}

const finders = {
  text: (values: ValueSet, text: string) => values.finds(text),
  number: (values: ValueSet, text: string) => values.hasNumber(text),
  time: (values: ValueSet, text: string) => values.hasTime(text),
}

function eachField(piece: Buffer, use: (text: string, at: number) => void): void {
  for (const line of piece.toString('latin1').split('\n')) {
    if (line === '') continue
    for (const [at, field] of line.split('\t').entries()) {
      const text = decodeField(field)
      if (text !== null && text !== '') use(text, at)
    }
  }
}

/** The failure of a scan that found something. Throws it. */
export function refuseFound(found: readonly Found[], file: string): void {
  if (found.length === 0) return
  const failure: Failure = {
    code: 'sync-masked-value-left',
    message: 'values that were masked are still in the target; it keeps the rows that it had',
    lines: found.map(({ column, rows }) => `${column}: ${rows} ${rows === 1 ? 'row' : 'rows'}`),
    next: [
      `mask these columns too in ${file}`,
      `or, where they may hold such values: \`{ keep: why }\` leaves a column out of the scan`,
    ],
    outcome: 'failed',
  }
  throw new FailureError(failure)
}

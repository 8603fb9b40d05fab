import { FailureError, ok, type Result } from '../../model/failure.ts'
import { isKept, isUnscanned, type Mask } from '../../model/masking.ts'
import type { OpData } from '../../model/op.ts'
import type { Connection } from '../connect.ts'
import { inForeignKeyOrder, type Table } from '../tables.ts'
import { withOpenConstraints } from '../transfer/import.ts'
import { Progress } from '../transfer/progress.ts'
import { maskedColumns, readShape } from './examine.ts'
import { pumpTable, refreshViews, setSequences, withoutTriggers } from './load.ts'
import { Masker } from './masker.ts'
import { collectValues, refuseFound, scanDatabase } from './scan.ts'
import { planSubset, prepareSubset, type SubsetPlan, type Taken, takeSubset } from './subset.ts'
import { ValueSet } from './value-set.ts'

/** What a sync did. */
export type Synced = { tables: { table: string; rows: number }[]; rows: number; masked: number; scanned: number }

/** What a sync is given besides its data. */
export type SyncWith = {
  /** The key of masks: the same one, the same masks. */
  key: string
  /** The masking file's name, for what is said. */
  file: string
  output(line: string): void
}

const reading =
  'begin isolation level repeatable read read only; set local row_security = off; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0'
const sameTexts =
  "set datestyle = 'ISO'; set intervalstyle = 'postgres'; set xmloption = 'content'; set timezone = 'UTC'"

/**
 * Replaces the rows of a target's tables by those of a source. The source is read in one read-only transaction, from one snapshot. The target changes in one
 * transaction: emptied, filled, its foreign keys looked at, its sequences set, and scanned for values that were to be masked; any failure leaves it as it
 * was. Throws what goes wrong: `sync-masked-value-left`, `mask-exhausted`, `subset-condition`, PostgreSQL's errors.
 */
export async function syncDatabases(
  source: Connection,
  target: Connection,
  data: OpData<'sync-data'>,
  { key, file, output }: SyncWith,
): Promise<Result<Synced>> {
  const from = await readShape(source)
  const to = await readShape(target)
  const synced = data.tables.flatMap((entry) => {
    const table = from.tables.find(({ id }) => id === entry.table)
    const other = to.tables.find(({ id }) => id === entry.table)
    if (!table || !other) throw changed(entry.table)
    return [{ entry, table, other }]
  })
  for (const connection of [source, target]) await connection.query(sameTexts)
  const subset = data.subset ? planSubset(from.tables, data.subset) : undefined
  if (subset) await prepareSubset(source, subset)
  await source.query(reading)
  const taken = await takenRows(source, from.tables, subset)
  const rowsOf = ({ entry, table }: (typeof synced)[0]): Taken =>
    entry.rows === 'none' ? 'none' : (taken.get(table) ?? 'all')
  const values = new ValueSet()
  const masked = maskedColumns(data.tables, from.columns)
  for (const one of synced) {
    const columns = masked
      .filter(({ column, mask }) => column.table === one.table.id && !isKept(mask))
      .map(({ column, mask }) => ({ column, fixed: fixedText(mask) }))
    await collectValues(source, one.table, rowsOf(one), columns, values)
  }
  output(
    `${values.size} values are to be masked${values.tooShort > 0 ? `; ${values.tooShort} are too short to be looked for afterwards` : ''}`,
  )
  const masker = new Masker(key, masked, values)
  const order = inForeignKeyOrder(
    synced.map((one) => ({ ...one, id: one.other.id, foreignKeys: one.other.foreignKeys })),
  ).order
  const tables: Synced['tables'] = []
  let scanned = 0
  const others = order.map(({ other }) => other)
  await withOpenConstraints(target, others, async () => {
    await target.query("set local lock_timeout = '60s'")
    const enable = await withoutTriggers(target, others)
    await target.query(`truncate ${others.map(({ id }) => id).join(', ')}`)
    for (const one of order) {
      const replace = new Map(
        masked
          .filter(({ column }) => column.table === one.table.id)
          .flatMap((column) => {
            const replacer = masker.replacer(column)
            return replacer ? [[column.column.name, replacer] as const] : []
          }),
      )
      const progress = new Progress(one.table.id, output)
      const rows = await pumpTable(source, target, one.table, one.entry.columns, {
        taken: rowsOf(one),
        replace,
        passed: (so) => progress.tell(so),
      })
      tables.push({ table: one.table.id, rows })
      output(`${one.table.id}: ${rows} rows`)
    }
    await target.query('set constraints all immediate')
    await setSequences(source, target, others)
    await enable()
    const views = await refreshViews(target)
    if (views > 0) output(`${views} materialised ${views === 1 ? 'view' : 'views'} made anew`)
    const unscanned = new Set(
      masked.filter(({ mask }) => isUnscanned(mask)).map(({ column }) => `${column.table} ${column.name}`),
    )
    const scan = await scanDatabase(target, to, values, unscanned)
    refuseFound(scan.found, file)
    scanned = scan.looked
    output(`none of the ${values.size} masked values is in the ${scanned} texts, numbers and times of the target`)
  })
  await source.query('commit')
  await target.query(`analyze ${others.map(({ id }) => id).join(', ')}`)
  return ok({ tables, rows: tables.reduce((sum, one) => sum + one.rows, 0), masked: values.size, scanned })
}

/** The rows that are taken of each table, with the tables locked against being rewritten. */
async function takenRows(
  source: Connection,
  tables: readonly Table[],
  subset: SubsetPlan | undefined,
): Promise<Map<Table, Taken>> {
  if (tables.length > 0) await source.query(`lock table ${tables.map(({ id }) => id).join(', ')} in access share mode`)
  return subset ? takeSubset(source, subset) : new Map()
}

/** How many rows of each table would come, by the same way. Reads only; ends its transaction. */
export async function countRows(
  source: Connection,
  data: Pick<OpData<'sync-data'>, 'tables' | 'subset'>,
): Promise<Map<string, number>> {
  const { tables } = await readShape(source)
  const subset = data.subset ? planSubset(tables, data.subset) : undefined
  if (subset) await prepareSubset(source, subset)
  await source.query(reading)
  try {
    const taken = await takenRows(source, tables, subset)
    const counts = new Map<string, number>()
    for (const { table, rows } of data.tables) {
      const one = tables.find(({ id }) => id === table)
      if (one) counts.set(table, rows === 'none' ? 0 : await countTable(source, one, taken.get(one) ?? 'all'))
    }
    return counts
  } finally {
    await source.query('rollback').catch(() => {})
  }
}

async function countTable(source: Connection, table: Table, taken: Taken): Promise<number> {
  const from = typeof taken === 'object' ? taken.from : table.partitioned ? table.id : `only ${table.id}`
  const { rows } = await source.query<{ count: string }>(`select count(*) as count from ${from}`)
  return Number(rows[0]?.count ?? 0)
}

const fixedText = (mask: Mask): string | undefined =>
  typeof mask === 'object' && mask !== null && 'text' in mask ? mask.text : undefined

const changed = (table: string) =>
  new FailureError({
    code: 'changed-meanwhile',
    message: `${table} is not there any more`,
    next: ['run the command again, and look at its plan'],
    outcome: 'unchanged',
  })

import type { Finding } from '../../model/finding.ts'
import { isKept, type Mask, type Masking, maskText } from '../../model/masking.ts'
import { nearest } from '../../model/nearest.ts'
import type { OpData } from '../../model/op.ts'
import type { Connection } from '../connect.ts'
import { findTable, readTables, type Table } from '../tables.ts'
import { type Column, readColumns, valueKind } from './columns.ts'
import { keysIn, type MaskedColumn, maskProblem, valuesIn } from './masker.ts'
import { type Suspicion, suspicionByContent, suspicionByKeys, suspicionByName } from './personal.ts'

/** What a database has, as far as a sync is concerned. */
export type Shape = { tables: Table[]; columns: Column[] }

/** Reads the tables of a database. Reads only. */
export const readShape = async (connection: Connection): Promise<Shape> => ({
  tables: await readTables(connection),
  columns: await readColumns(connection),
})

type SyncTable = OpData<'sync-data'>['tables'][0]

/** Tables with their masks, and what is wrong with them. */
export type Examined = { tables: SyncTable[]; findings: Finding[] }

/** How many values of a column are looked at. */
const sampled = 1000

/**
 * Finds out what a sync would do, and all that is wrong with it at once: what the masking file names and is not there, masks that do not do, columns that look like
 * personal data and are not named, tables that the target has otherwise. Reads only.
 * @param file the masking file's name, for what is said
 */
export async function examine(
  source: Connection,
  from: Shape,
  to: Shape,
  masking: Masking,
  file: string,
): Promise<Examined> {
  const findings: Finding[] = []
  const said = namedTables(from, masking, file, findings)
  const tables: SyncTable[] = []
  for (const table of from.tables) {
    const entry = said.get(table)
    const columns = from.columns.filter((column) => column.table === table.id)
    const masks = { ...entry?.columns }
    const rows = entry?.rows ?? 'all'
    tables.push({ table: table.id, columns: table.columns.map(({ name }) => name), masks, rows })
    if (rows === 'none') continue
    findings.push(...(await unnamed(source, table, columns, from, said, file)))
  }
  inherit(from, tables, findings, file)
  const bySource = new Map(from.columns.map((column) => [`${column.table} ${column.name}`, column]))
  for (const { column, mask } of maskedColumns(tables, from.columns)) {
    const target = to.columns.find(({ table, name }) => table === column.table && name === column.name)
    // Both have a say: the source whether values are unique, the target what it takes.
    const problem = maskProblem({ column, mask }) ?? (target && maskProblem({ column: target, mask }))
    if (problem !== undefined && bySource.has(`${column.table} ${column.name}`)) {
      findings.push(
        error('mask-unfit', `${column.table}.${column.name} cannot be masked by ${maskText(mask)}: ${problem}`),
      )
    }
    if (target && target.checks.length > 0 && mask !== null && !isKept(mask)) findings.push(unproven(target, mask))
  }
  findings.push(...differences(from, to, tables))
  return { tables, findings }
}

/** The columns of tables with what becomes of them; those that are kept without a word are left out. */
export const maskedColumns = (tables: readonly SyncTable[], columns: readonly Column[]): MaskedColumn[] =>
  tables
    .filter(({ rows }) => rows === 'all')
    .flatMap(({ table, masks }) =>
      Object.entries(masks).flatMap(([name, mask]) => {
        const column = columns.find((one) => one.table === table && one.name === name)
        return column ? [{ column, mask: mask as Mask }] : []
      }),
    )

function namedTables(
  { tables, columns }: Shape,
  masking: Masking,
  file: string,
  findings: Finding[],
): Map<Table, Masking['tables'][string]> {
  const said = new Map<Table, Masking['tables'][string]>()
  for (const [name, entry] of Object.entries(masking.tables)) {
    const table = findTable(tables, name)
    if (!table) {
      const near = nearest(
        name,
        tables.flatMap((one) => [one.name, `${one.schema}.${one.name}`]),
      )
      findings.push(
        error(
          'masking-unknown',
          `${file} names the table ${name}, which is not there`,
          near && `did you mean ${near}?`,
        ),
      )
      continue
    }
    said.set(table, entry)
    const known = columns.filter((column) => column.table === table.id).map((column) => column.name)
    for (const column of Object.keys(entry.columns)) {
      if (known.includes(column)) continue
      const near = nearest(column, known)
      findings.push(
        error(
          'masking-unknown',
          `${file} names ${name}.${column}, which is not there`,
          near && `did you mean ${near}?`,
        ),
      )
    }
  }
  return said
}

/** Columns that look like personal data and are not named. */
async function unnamed(
  source: Connection,
  table: Table,
  columns: readonly Column[],
  { tables }: Shape,
  said: ReadonlyMap<Table, Masking['tables'][string]>,
  file: string,
): Promise<Finding[]> {
  const open = columns.filter(({ name, generated }) => !generated && said.get(table)?.columns[name] === undefined)
  const references = new Set(table.foreignKeys.flatMap((key) => key.columns))
  // What refers to a column that is named goes by that one.
  const settled = new Set(
    table.foreignKeys.flatMap((key) => {
      const target = tables.find(({ id }) => id === key.target)
      return key.columns.filter(
        (_, at) => target && said.get(target)?.columns[key.targetColumns[at] ?? ''] !== undefined,
      )
    }),
  )
  const looked = open.filter(({ name }) => !settled.has(name))
  const samples = await sample(
    source,
    table,
    looked.filter((column) => looksIn(column)),
  )
  return looked.flatMap((column) => {
    const found =
      suspicionByName(column, references.has(column.name)) ??
      (references.has(column.name) ? undefined : ofContent(column, samples.get(column.name) ?? []))
    return found ? [personal(table, column, found, file)] : []
  })
}

const ofContent = (column: Column, texts: readonly string[]): Suspicion | undefined =>
  suspicionByKeys(texts.flatMap((text) => keysIn(column, text))) ??
  suspicionByContent(texts.flatMap((text) => valuesIn(column, text)))

const looksIn = (column: Column): boolean => ['text', 'json'].includes(valueKind(column)) || column.base === 'xml'

async function sample(source: Connection, table: Table, columns: readonly Column[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>()
  const from = table.partitioned ? table.id : `only ${table.id}`
  for (const column of columns) {
    const name = source.escapeIdentifier(column.name)
    // The first rows are often the oldest ones, made by hand; a part of the pages of a big table is taken beside them.
    const { rows } = await source.query<{ value: string }>(
      `(select left(${name}::text, 20000) as value from ${from} where ${name} is not null limit ${sampled / 2})
       union all (select left(${name}::text, 20000) from ${table.id} tablesample system (
         (select least(100, greatest(1, 500000 / greatest(1, c.reltuples)))::real from pg_catalog.pg_class c where c.oid = '${table.id.replaceAll("'", "''")}'::regclass))
         where ${name} is not null limit ${sampled / 2})`,
    )
    found.set(
      column.name,
      rows.map(({ value }) => value),
    )
  }
  return found
}

function personal(table: Table, column: Column, { what, why, suggestion }: Suspicion, file: string): Finding {
  const short = table.schema === 'public' ? table.name : `${table.schema}.${table.name}`
  return error(
    'personal-data-not-named',
    `${table.id}.${column.name} looks like ${what}, and ${file} does not name it (${why})`,
    `in ${file}, tables → ${short} → columns: \`${column.name}: ${suggestion}\`, or hash, null, keep`,
  )
}

/** A column that refers to a masked one gets its mask; another one would tear them apart. */
function inherit({ tables }: Shape, entries: SyncTable[], findings: Finding[], file: string): void {
  const masksOf = new Map(entries.map((entry) => [entry.table, entry]))
  for (let changed = true; changed; ) {
    changed = false
    for (const { id, foreignKeys } of tables) {
      for (const { columns, target, targetColumns } of foreignKeys) {
        for (const [at, name] of columns.entries()) {
          const [here, there] = [masksOf.get(id), masksOf.get(target)]
          const wanted = there?.masks[targetColumns[at] ?? '']
          if (!here || wanted === undefined || isKept(wanted) || here.masks[name] !== undefined) continue
          here.masks[name] = wanted
          changed = true
        }
      }
    }
  }
  for (const { id, foreignKeys } of tables) {
    for (const { columns, target, targetColumns } of foreignKeys) {
      for (const [at, name] of columns.entries()) {
        const mask = masksOf.get(id)?.masks[name]
        const wanted = masksOf.get(target)?.masks[targetColumns[at] ?? '']
        const [one, other] = [
          isKept(mask) ? 'keep' : maskText(mask as Mask),
          isKept(wanted) ? 'keep' : maskText(wanted as Mask),
        ]
        if (one === other || one === 'null') continue
        findings.push(
          error(
            'mask-breaks-reference',
            `${id}.${name} refers to ${target}.${targetColumns[at]}, and ${file} says ${one} of the one and ${other} of the other`,
          ),
        )
      }
    }
  }
}

/** What keeps the source's rows from standing in the target. */
function differences(from: Shape, to: Shape, synced: readonly SyncTable[]): Finding[] {
  const findings: Finding[] = []
  const mend = 'bring both to the same migrations: task migrate status'
  const ids = new Set(synced.map(({ table }) => table))
  for (const table of from.tables) {
    const other = to.tables.find(({ id }) => id === table.id)
    if (!other) {
      findings.push(error('sync-table-missing', `the target has no table ${table.id}`, mend))
      continue
    }
    for (const { name, type } of table.columns) {
      const column = other.columns.find((one) => one.name === name)
      if (!column) findings.push(error('sync-column-differs', `the target has no column ${table.id}.${name}`, mend))
      else if (column.type !== type)
        findings.push(
          error(
            'sync-column-differs',
            `${table.id}.${name} is ${type} in the source and ${column.type} in the target`,
            mend,
          ),
        )
    }
  }
  for (const { id, foreignKeys } of to.tables) {
    const target = ids.has(id) ? undefined : foreignKeys.find((key) => ids.has(key.target))?.target
    if (target)
      findings.push(error('sync-referring-table', `${id}, which only the target has, refers to ${target}`, mend))
  }
  return findings
}

/** Whether a made-up value passes a check, only the server can say. */
const unproven = ({ table, name, checks }: Column, mask: Mask): Finding => ({
  rule: 'mask-check',
  severity: 'warning',
  message: `${checks.join(', ')} must hold for ${table}.${name} masked by ${maskText(mask)}; where it does not, nothing changes`,
})

const error = (rule: string, message: string, mend?: string | undefined | false): Finding => ({
  rule,
  severity: 'error',
  message,
  ...(mend ? { mend } : {}),
})

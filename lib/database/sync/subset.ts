import { FailureError } from '../../model/failure.ts'
import type { Subset } from '../../model/masking.ts'
import type { Connection } from '../connect.ts'
import { isServerError } from '../failures.ts'
import { type ForeignKey, findTable, type Table } from '../tables.ts'

/** Which rows of a table are taken: all, none, or those that a temporary table names. */
export type Taken = 'all' | 'none' | { from: string }

type Edge = { child: Table; parent: Table; key: ForeignKey }

/** A subset of rows in the source's own words: tables are found, and what becomes of each is known. */
export type SubsetPlan = {
  /** Conditions of the tables to begin with; `true` for those that are taken whole for their own sake. */
  roots: Map<Table, { condition: string; follow: boolean }>
  /** Conditions of tables whose rows come because they refer to taken ones. */
  children: Map<Table, string>
  edges: Edge[]
  tables: Table[]
}

/**
 * Finds the tables of a subset. Rows that refer to taken rows of the tables to begin with are taken along, and so on downwards, but where `children` says
 * otherwise; whatever taken rows refer to is taken along in any case, without what refers to that. Tables that are reached neither way go by `others`.
 * Throws `table-unknown`.
 */
export function planSubset(tables: readonly Table[], subset: Subset): SubsetPlan {
  const find = (name: string): Table => {
    const table = findTable(tables, name)
    if (table) return table
    throw new FailureError({
      code: 'table-unknown',
      message: `there is no table ${name}, which the subset names`,
      outcome: 'unchanged',
    })
  }
  const edges = tables.flatMap((child) =>
    child.foreignKeys.flatMap((key) => {
      const parent = tables.find(({ id }) => id === key.target)
      return parent ? [{ child, parent, key }] : []
    }),
  )
  const rules = new Map(Object.entries(subset.children).map(([name, rule]) => [find(name), rule] as const))
  const roots: SubsetPlan['roots'] = new Map(
    Object.entries(subset.rows).map(([name, condition]) => [find(name), { condition, follow: true }] as const),
  )
  const children = new Map<Table, string>()
  const downwards = [...roots.keys()]
  for (const parent of downwards) {
    for (const { child } of edges.filter((edge) => edge.parent === parent)) {
      const rule = rules.get(child) ?? 'all'
      if (rule === 'none' || children.has(child)) continue
      children.set(child, rule === 'all' ? 'true' : rule)
      downwards.push(child)
    }
  }
  const reached = new Set(downwards)
  for (const child of reached) for (const edge of edges) if (edge.child === child) reached.add(edge.parent)
  if (subset.others === 'all') {
    for (const table of tables)
      if (!reached.has(table) && rules.get(table) !== 'none') roots.set(table, { condition: 'true', follow: false })
  }
  return { roots, children, edges, tables: [...tables] }
}

const temporary = (index: number): string => `pg_temp.vital_ops_taken_${index}`

/** Makes the temporary tables of a subset, before the transaction that reads. A server that is a replica has none. */
export async function prepareSubset(connection: Connection, { tables }: SubsetPlan): Promise<void> {
  try {
    for (const [index] of tables.entries()) {
      await connection.query(
        `create temporary table vital_ops_taken_${index} (part oid, place tid, follow boolean, round int, primary key (part, place))`,
      )
    }
  } catch (error) {
    if (!isServerError(error)) throw error
    throw new FailureError({
      code: 'subset-needs-temporary',
      message: 'the source takes no temporary tables, in which the rows of a subset are noted',
      why: error.message,
      next: ['sync all rows, or from the primary server', 'grant temporary on database … to the role'],
      outcome: 'unchanged',
    })
  }
}

/**
 * Notes the rows of a subset, within a snapshot: by their places, which do not change there. Circles and tables that refer to themselves end, because no row is
 * noted twice. Throws `subset-condition` for a condition that PostgreSQL does not take.
 */
export async function takeSubset(connection: Connection, plan: SubsetPlan): Promise<Map<Table, Taken>> {
  const { tables, roots, children, edges } = plan
  const noted = new Map(tables.map((table, index) => [table, temporary(index)]))
  const place = (table: Table) => noted.get(table) as string
  for (const [table, { condition, follow }] of roots) {
    await withCondition(
      connection,
      condition,
      table,
      `insert into ${place(table)} select tableoid, ctid, ${follow}, 0 from ${only(table)} where (${condition}\n)`,
    )
  }
  for (let round = 0, grown = true; grown; round += 1) {
    grown = false
    for (const { child, parent, key } of edges) {
      const join = key.columns
        .map(
          (name, at) =>
            `c.${connection.escapeIdentifier(name)} = p.${connection.escapeIdentifier(key.targetColumns[at] ?? '')}`,
        )
        .join(' and ')
      const up = await connection.query(
        `insert into ${place(parent)} select distinct p.tableoid, p.ctid, false, ${round + 1}
         from ${place(child)} t join ${only(child)} c on c.tableoid = t.part and c.ctid = t.place join ${only(parent)} p on ${join}
         where t.round = ${round} on conflict do nothing`,
      )
      if (up.rowCount) grown = true
      const condition = children.get(child)
      if (condition === undefined) continue
      const down = await withCondition(
        connection,
        condition,
        child,
        `insert into ${place(child)} as old select distinct c.tableoid, c.ctid, true, ${round + 1}
         from ${place(parent)} t join ${only(parent)} p on p.tableoid = t.part and p.ctid = t.place
         join (select tableoid, ctid, * from ${only(child)} where (${condition}\n)) c on ${join}
         where t.round = ${round} and t.follow
         on conflict (part, place) do update set follow = true, round = excluded.round where not old.follow`,
      )
      if (down > 0) grown = true
    }
  }
  return new Map(tables.map((table) => [table, { from: place(table) }]))
}

const only = ({ id, partitioned }: Table): string => (partitioned ? id : `only ${id}`)

/** The part of a query that leaves the taken rows: `from …`. */
export function fromTaken(table: Table, taken: Taken): string {
  if (taken === 'none') return `from ${only(table)} where false`
  if (taken === 'all') return `from ${only(table)}`
  return `from ${only(table)} where (tableoid, ctid) in (select part, place from ${taken.from})`
}

/** Runs with a condition of a person. The extended protocol takes one statement alone, whatever the condition says. */
async function withCondition(connection: Connection, condition: string, table: Table, text: string): Promise<number> {
  try {
    const query = { text, values: [], queryMode: 'extended' }
    return (await connection.query(query)).rowCount ?? 0
  } catch (error) {
    if (!isServerError(error) || condition === 'true') throw error
    throw new FailureError({
      code: 'subset-condition',
      message: `the condition ${JSON.stringify(condition)} does not do for ${table.id}`,
      why: error.message,
      outcome: 'unchanged',
    })
  }
}

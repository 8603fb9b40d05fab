import { failed, ok, type Result } from '../model/failure.ts'
import type { Connection } from './connect.ts'
import { isServerError } from './failures.ts'
import { builtInQueries } from './queries/built-in/index.ts'
import { parseQuery } from './queries/query.ts'
import { runQuery } from './queries/run.ts'
import { digestOf } from './sql-file.ts'

/** What the server knows of a table's state. */
export type TableFigures = {
  /** As it is written in SQL. */
  table: string
  live: number
  dead: number
  /** Rows changed since statistics were made of it. */
  changed: number
  analysed: boolean
  /** How far its oldest row is on the way to a forced vacuum, 0 to 1. */
  frozenAge: number
}
/** An index that is larger than its entries need, or that is not valid. */
export type IndexFigures = {
  index: string
  invalid: boolean
  /** What a concurrent rebuild that was killed has left: the index itself is another one. */
  leftover: boolean
  emptyPercent: number
  emptyBytes: number
}
/** How many rows of a table are older than its policy keeps. */
export type PruneFigures = { table: string; column: string; keep: string; rows: number }
/** All that says what is to be maintained. */
export type MaintenanceFigures = { tables: TableFigures[]; indexes: IndexFigures[]; prune: PruneFigures[] }

/**
 * Reads what says whether a database needs maintenance; changes nothing. Failures: `prune-table-unknown` for a policy on a table or a column that
 * is not there.
 */
export async function readMaintenance(
  connection: Connection,
  policies: readonly { table: string; column: string; keep: string; keepMs: number }[],
): Promise<Result<MaintenanceFigures>> {
  const tables = await connection.query<TableFigures>(`
    select s.relid::regclass::text as table, n_live_tup::float8 as live, n_dead_tup::float8 as dead,
      n_mod_since_analyze::float8 as changed, coalesce(last_analyze, last_autoanalyze) is not null as analysed,
      coalesce(pg_catalog.age(nullif(c.relfrozenxid, '0'))::float8 / current_setting('autovacuum_freeze_max_age')::float8, 0) as "frozenAge"
    from pg_catalog.pg_stat_user_tables s join pg_catalog.pg_class c on c.oid = s.relid
    where s.schemaname <> 'vital_ops'
    order by 1`)
  const invalid = await connection.query<{ index: string; leftover: boolean }>(
    `select i.indexrelid::regclass::text as index, c.relname ~ '_cc(new|old)\\d*$' as leftover
     from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where not i.indisvalid order by 1`,
  )
  const indexes: IndexFigures[] = invalid.rows.map(({ index, leftover }) => ({
    index,
    invalid: true,
    leftover,
    emptyPercent: 0,
    emptyBytes: 0,
  }))
  const bloated = await bloatedIndexes(connection)
  if (!bloated.ok) return bloated
  indexes.push(...bloated.value.filter(({ index }) => !indexes.some((one) => one.index === index)))
  const prune: PruneFigures[] = []
  for (const { table, column, keep, keepMs } of policies) {
    const rows = await countOld(connection, { table, column, keepMs })
    if (!rows.ok) return rows
    prune.push({ table, column, keep, rows: rows.value })
  }
  return ok({ tables: tables.rows, indexes, prune })
}

/** By the same estimate that `task query bloat` shows. */
async function bloatedIndexes(connection: Connection): Promise<Result<IndexFigures[]>> {
  const text = builtInQueries.bloat ?? ''
  const query = parseQuery(text, { name: 'bloat', folder: 'diagnostics', file: 'bloat', sha256: digestOf(text) })
  if (!query.ok) return query
  const found = await runQuery(connection, query.value, {
    values: { percent: '40', megabytes: '8' },
    timeoutMs: 60_000,
    maxRows: 1000,
  })
  if (!found.ok) return found
  const at = (name: string) => found.value.columns.findIndex((column) => column.name === name)
  return ok(
    found.value.rows
      .filter((row) => row[at('kind')] === 'index')
      .map((row) => ({
        index: row[at('name')] ?? '',
        invalid: false,
        leftover: false,
        emptyPercent: Number(row[at('empty_percent')]),
        emptyBytes: Number(row[at('empty_bytes')]),
      })),
  )
}

type Policy = { table: string; column: string; keepMs: number }

async function countOld(connection: Connection, { table, column, keepMs }: Policy): Promise<Result<number>> {
  try {
    const { rows } = await connection.query<{ id: string }>('select $1::regclass::text as id', [table])
    const name = connection.escapeIdentifier(column)
    const counted = await connection.query<{ count: number }>(
      `select count(*)::float8 as count from ${rows[0]?.id} where ${name} < now() - make_interval(secs => $1)`,
      [keepMs / 1000],
    )
    return ok(counted.rows[0]?.count ?? 0)
  } catch (error) {
    // undefined_table, undefined_column, undefined_function (a column that holds no time), invalid_name.
    if (!isServerError(error) || !['42P01', '42703', '42883', '42602', '3F000'].includes(error.code ?? '')) throw error
    return failed({
      code: 'prune-table-unknown',
      message: `database.prune: ${error.message}`,
      why: `the policy is about the column ${column} of ${table}`,
      next: ['mend database.prune in config/environments'],
      outcome: 'unchanged',
    })
  }
}

/** Vacuums, analyses or rebuilds a table or an index, or drops an invalid one. A rebuild that fails leaves no second index behind. */
export async function maintainTable(
  connection: Connection,
  { action, target }: { action: 'vacuum' | 'analyze' | 'vacuum analyze' | 'reindex' | 'drop index'; target: string },
): Promise<string> {
  const id = await connection.query<{ id: string; size: string }>(
    'select $1::regclass::text as id, pg_catalog.pg_total_relation_size($1::regclass)::text as size',
    [target],
  )
  const { id: name = '', size = '0' } = id.rows[0] ?? {}
  await connection.query("set statement_timeout = 0; set lock_timeout = '30s'")
  if (action === 'drop index') {
    const dropped = await connection.query(
      'select 1 from pg_catalog.pg_index where indexrelid = $1::regclass and not indisvalid',
      [target],
    )
    if (dropped.rowCount === 0) return 'it is valid by now, and stays'
    await connection.query(`drop index concurrently ${name}`)
    return 'dropped'
  }
  if (action !== 'reindex') await connection.query(`${action} ${name}`)
  else {
    try {
      await connection.query(`reindex index concurrently ${name}`)
    } catch (error) {
      await dropLeftovers(connection, name)
      throw error
    }
  }
  const after = await connection.query<{ before: string; after: string }>(
    'select pg_catalog.pg_size_pretty($2::int8) as before, pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size($1::regclass)) as after',
    [name, size],
  )
  return `${after.rows[0]?.before} before, ${after.rows[0]?.after} now`
}

/** REINDEX CONCURRENTLY that was broken off leaves an invalid `<index>_ccnew`. */
async function dropLeftovers(connection: Connection, index: string): Promise<void> {
  const { rows } = await connection.query<{ id: string }>(
    `select other.oid::regclass::text as id
     from pg_catalog.pg_class own join pg_catalog.pg_index i on i.indexrelid = own.oid
     join pg_catalog.pg_index j on j.indrelid = i.indrelid and not j.indisvalid
     join pg_catalog.pg_class other on other.oid = j.indexrelid and other.relname ~ '_ccnew\\d*$'
     where own.oid = $1::regclass`,
    [index],
  )
  for (const { id } of rows) await connection.query(`drop index concurrently if exists ${id}`)
}

const portion = 10_000

/** Deletes rows that are older than a policy keeps, in portions of a transaction each, so that nobody waits for long. Returns how many. */
export async function pruneRows(
  connection: Connection,
  { table, column, keepMs }: Policy,
  progress: (deleted: number) => void,
): Promise<number> {
  const { rows } = await connection.query<{ id: string; until: string }>(
    'select $1::regclass::text as id, (now() - make_interval(secs => $2))::text as until',
    [table, keepMs / 1000],
  )
  const { id = '', until = '' } = rows[0] ?? {}
  const name = connection.escapeIdentifier(column)
  let deleted = 0
  for (;;) {
    const { rowCount } = await connection.query(
      `delete from ${id} where (tableoid, ctid) in
         (select tableoid, ctid from ${id} where ${name} < $1::timestamptz limit ${portion})`,
      [until],
    )
    deleted += rowCount ?? 0
    if (!rowCount || rowCount < portion) return deleted
    progress(deleted)
  }
}

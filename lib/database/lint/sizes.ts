import type { Connection } from '../connect.ts'
import type { TableSize } from './lint.ts'

type Row = { schema: string; name: string; bytes: number; rows: number; empty: boolean; found: boolean }

/** A partitioned table is as big as its partitions. */
const query = `
select n.nspname as schema, c.relname as name, p.bytes::float8 as bytes, p.rows::float8 as rows, p.heap = 0 as empty,
  pg_catalog.pg_table_is_visible(c.oid) as found
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
  lateral (select coalesce(sum(pg_catalog.pg_total_relation_size(l.oid)), 0) as bytes, sum(l.reltuples) as rows,
      coalesce(sum(pg_catalog.pg_relation_size(l.oid)), 0) as heap
    from pg_catalog.pg_class l
    where l.oid = c.oid or (c.relkind = 'p' and l.oid in (select relid from pg_catalog.pg_partition_tree(c.oid)))) p
where c.relkind in ('r', 'm', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'vital_ops')
  and n.nspname not like 'pg\\_toast%'`

/** Reads how big the tables of a database are; by `schema.name`, and by name for those that a search path finds. */
export async function readTableSizes(connection: Connection): Promise<Map<string, TableSize>> {
  const { rows } = await connection.query<Row>(query)
  const sizes = new Map<string, TableSize>()
  for (const { schema, name, bytes, rows: count, empty, found } of rows) {
    const size: TableSize = { bytes, rows: count, ...(empty && { empty }) }
    sizes.set(`${schema}.${name}`, size)
    if (found) sizes.set(name, size)
  }
  return sizes
}

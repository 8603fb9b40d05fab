import type { Connection } from './connect.ts'

/** A foreign key: columns of its table, and those of the table that they refer to. */
export type ForeignKey = { name: string; columns: string[]; target: string; targetColumns: string[] }

/** A table with what is needed to move its rows. */
export type Table = {
  /** As it is written in SQL, with its schema and quoted where that is needed: `public."Order"`; a table's identity here. */
  id: string
  schema: string
  name: string
  /** All but generated ones, in their order. `type` is as PostgreSQL writes it. */
  columns: { name: string; type: string; notNull: boolean }[]
  primaryKey: string[]
  /** The columns of unique constraints and indexes without a condition, the primary key left out. */
  unique: string[][]
  foreignKeys: ForeignKey[]
  /** The sequence that gives a column its values. */
  sequences: { column: string; sequence: string }[]
  partitioned: boolean
}

/**
 * The ordinary and partitioned tables of a database, without partitions (their rows are those of the table above), in the order of their
 * schemas and names. Those of extensions, of the system and of vital-ops itself are left out.
 */
export async function readTables(connection: Connection): Promise<Table[]> {
  const { rows } = await connection.query<Table>(`
    select c.oid::int8::text as oid, format('%I.%I', n.nspname, c.relname) as id, n.nspname as schema, c.relname as name,
      c.relkind = 'p' as partitioned,
      coalesce((select json_agg(json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
          'notNull', a.attnotnull) order by a.attnum)
        from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]') as columns,
      coalesce((select json_agg(a.attname order by k.place)
        from pg_catalog.pg_index i, unnest(i.indkey::int2[]) with ordinality k (attnum, place), pg_catalog.pg_attribute a
        where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.attnum), '[]') as "primaryKey",
      coalesce((select json_agg(u.names order by u.place) from (
        select i.indexrelid as place, json_agg(a.attname order by k.place) as names
        from pg_catalog.pg_index i, unnest(i.indkey::int2[]) with ordinality k (attnum, place), pg_catalog.pg_attribute a
        where i.indrelid = c.oid and i.indisunique and not i.indisprimary and i.indisvalid and i.indpred is null and i.indexprs is null
          and k.place <= i.indnkeyatts and a.attrelid = c.oid and a.attnum = k.attnum
        group by i.indexrelid) u), '[]') as unique,
      coalesce((select json_agg(json_build_object('name', f.conname, 'target', format('%I.%I', tn.nspname, t.relname),
          'columns', (select json_agg(a.attname order by k.place) from unnest(f.conkey) with ordinality k (attnum, place),
            pg_catalog.pg_attribute a where a.attrelid = f.conrelid and a.attnum = k.attnum),
          'targetColumns', (select json_agg(a.attname order by k.place) from unnest(f.confkey) with ordinality k (attnum, place),
            pg_catalog.pg_attribute a where a.attrelid = f.confrelid and a.attnum = k.attnum)) order by f.conname)
        from pg_catalog.pg_constraint f
        join pg_catalog.pg_class t on t.oid = f.confrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
        where f.conrelid = c.oid and f.contype = 'f' and not t.relispartition), '[]') as "foreignKeys",
      coalesce((select json_agg(json_build_object('column', a.attname, 'sequence', s.name) order by a.attnum)
        from pg_catalog.pg_attribute a,
          lateral (select pg_catalog.pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) as name) s
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and s.name is not null), '[]') as sequences
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
      and n.nspname not in ('pg_catalog', 'information_schema', 'vital_ops') and n.nspname not like 'pg\\_toast%'
      and not exists (select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    order by n.nspname, c.relname`)
  return rows.map(({ id, schema, name, columns, primaryKey, unique, foreignKeys, sequences, partitioned }) => {
    return { id, schema, name, columns, primaryKey, unique, foreignKeys, sequences, partitioned }
  })
}

/** A table by the name that a person gives: with its schema, or alone where only one schema has it. */
export function findTable(tables: readonly Table[], wanted: string): Table | undefined {
  const exact = tables.find(({ id, schema, name }) => wanted === id || wanted === `${schema}.${name}`)
  if (exact) return exact
  const named = tables.filter(({ name }) => name === wanted)
  return named.length === 1 ? named[0] : named.find(({ schema }) => schema === 'public')
}

/**
 * Tables in the order in which their rows can be inserted: each after those that it refers to, and otherwise as they come. `cycles` holds the
 * tables that refer to each other in a circle, in which no order is right.
 */
export function inForeignKeyOrder<T extends Pick<Table, 'id' | 'foreignKeys'>>(
  tables: readonly T[],
): { order: T[]; cycles: string[][] } {
  const byId = new Map(tables.map((table) => [table.id, table]))
  const order: T[] = []
  const cycles: string[][] = []
  const done = new Set<string>()
  const visit = (table: T, path: readonly string[]) => {
    if (done.has(table.id)) return
    const at = path.indexOf(table.id)
    if (at >= 0) {
      cycles.push(path.slice(at))
      return
    }
    for (const { target } of table.foreignKeys) {
      const other = byId.get(target)
      if (other && other.id !== table.id) visit(other, [...path, table.id])
    }
    if (done.has(table.id)) return
    done.add(table.id)
    order.push(table)
  }
  for (const table of tables) visit(table, [])
  return { order, cycles }
}

/** Sets the sequences behind a table's columns past the greatest value there, and never back. Returns which were set. */
export async function advanceSequences(connection: Connection, tables: readonly Table[]): Promise<string[]> {
  const set: string[] = []
  for (const { id, sequences } of tables) {
    for (const { column, sequence } of sequences) {
      const name = connection.escapeIdentifier(column)
      // A sequence that counts down follows the smallest; one that was never used gives its first value next.
      const { rowCount } = await connection.query(
        `select pg_catalog.setval($1::regclass, r.reached)
         from (select case when s.seqincrement > 0 then (select max(${name}) from ${id}) else (select min(${name}) from ${id}) end::int8 as reached,
             s.seqincrement as step, pg_catalog.pg_sequence_last_value(s.seqrelid) as last
           from pg_catalog.pg_sequence s where s.seqrelid = $1::regclass) r
         where r.reached is not null and (r.last is null or sign(r.step) * (r.reached - r.last) > 0)`,
        [sequence],
      )
      if (rowCount) set.push(sequence)
    }
  }
  return set
}

import type { Connection } from '../connect.ts'

/** A column as masks and the scan see it. */
export type Column = {
  table: string
  name: string
  /** The type without its modifier, of an array its members', of a domain the one under it: `varchar`, `text`, `int4`, `jsonb`, `citext`. */
  base: string
  isArray: boolean
  /** `e` enum, `b` base, `c` composite, `r` range … of `base`. */
  kind: string
  /** Characters at most; null without a limit. */
  max: number | null
  notNull: boolean
  /** Part of a unique index of any kind. */
  unique: boolean
  /** It is computed from others. */
  generated: boolean
  /** Its values come from a sequence, or refer to rows of another table: they say nothing of who the row is about. */
  surrogate: boolean
  /** The check constraints that it is part of, those of its domain too. */
  checks: string[]
}

/** The columns of ordinary and partitioned tables, by `table id` and name. Reads only. */
export async function readColumns(connection: Connection): Promise<Column[]> {
  const { rows } = await connection.query<Column>(`
    with recursive types as (
      select t.oid as root, t.oid, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull, t.typelem, t.typcategory, t.typname, -1 as outer_mod
      from pg_catalog.pg_type t
      union all
      select types.root, t.oid, t.typtype, t.typbasetype, t.typtypmod, types.typnotnull or t.typnotnull, t.typelem, t.typcategory, t.typname,
        case when types.typtypmod >= 0 then types.typtypmod else types.outer_mod end
      from types join pg_catalog.pg_type t on t.oid = types.typbasetype where types.typtype = 'd'
    ), plain as (
      select types.*, coalesce(e.typname, types.typname) as base, (types.typcategory = 'A' and types.typelem <> 0) as is_array,
        coalesce(e.typtype, types.typtype) as kind
      from types left join pg_catalog.pg_type e on types.typcategory = 'A' and e.oid = types.typelem
      where types.typtype <> 'd'
    )
    select format('%I.%I', n.nspname, c.relname) as "table", a.attname::text as name, p.base::text as base, p.is_array as "isArray", p.kind::text as kind,
      case when p.base in ('varchar', 'bpchar') and greatest(a.atttypmod, p.outer_mod) > 4 then greatest(a.atttypmod, p.outer_mod) - 4 end as max,
      a.attnotnull or p.typnotnull as "notNull", a.attgenerated <> '' as generated,
      exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)
        and (a.attnum = any (i.indkey) or exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass
          and d.objid = i.indexrelid and d.refobjid = c.oid and d.refobjsubid = a.attnum))) as unique,
      a.attidentity <> '' or exists (select from pg_catalog.pg_constraint k where k.contype = 'f' and k.conrelid = c.oid and a.attnum = any (k.conkey))
        or exists (select from pg_catalog.pg_attrdef f where f.adrelid = c.oid and f.adnum = a.attnum
          and pg_catalog.pg_get_expr(f.adbin, f.adrelid) like 'nextval(%') as surrogate,
      coalesce((select json_agg(k.conname order by k.conname) from pg_catalog.pg_constraint k
        where k.contype = 'c' and (k.conrelid = c.oid and a.attnum = any (k.conkey) or k.contypid <> 0 and k.contypid = a.atttypid)), '[]') as checks
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join plain p on p.root = a.atttypid
    where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
      and n.nspname not in ('pg_catalog', 'information_schema', 'vital_ops') and n.nspname not like 'pg\\_toast%'
    order by n.nspname, c.relname, a.attnum`)
  return rows
}

const textTypes = new Set(['text', 'varchar', 'bpchar', 'citext', 'name', 'char'])
const numberTypes = new Set(['int2', 'int4', 'int8', 'numeric'])

/** What can be done with a column's values. */
export type ValueKind = 'text' | 'json' | 'number' | 'date' | 'ip' | 'uuid' | 'bytes' | 'other'

/** The kind of a column's values, or of its array's members. */
export function valueKind({ base, kind }: Pick<Column, 'base' | 'kind'>): ValueKind {
  if (kind !== 'b') return 'other'
  if (textTypes.has(base)) return 'text'
  if (numberTypes.has(base)) return 'number'
  if (base === 'json' || base === 'jsonb') return 'json'
  if (base === 'date' || base === 'timestamp' || base === 'timestamptz') return 'date'
  if (base === 'inet' || base === 'cidr') return 'ip'
  if (base === 'uuid') return 'uuid'
  return base === 'bytea' ? 'bytes' : 'other'
}

/** As what the scan reads a column: texts (also JSON, addresses, types of one's own), numbers, times; undefined for what it does not read. */
export function scannedAs({
  base,
  kind,
  surrogate,
}: Pick<Column, 'base' | 'kind' | 'surrogate'>): 'text' | 'number' | 'time' | undefined {
  if (kind !== 'b') return kind === 'c' || kind === 'd' ? 'text' : undefined
  if (base === 'int4' || base === 'int8' || base === 'numeric') return surrogate ? undefined : 'number'
  if (base === 'timestamp' || base === 'timestamptz') return 'time'
  const isOther =
    /^(int2|float[48]|money|bool|date|time|timetz|interval|oid|xid8?|bit|varbit|pg_lsn|point|box|line|lseg|path|polygon|circle|bytea)$/
  return isOther.test(base) ? undefined : 'text'
}

import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Connection } from '../database/connect.ts'
import { objectQueries } from './objects.ts'

const tableSchema = z.strictObject({
  name: z.string().describe('As schema.table, quoted where PostgreSQL needs it'),
  rows: z.string(),
  checksum: z.string(),
})
const sequenceSchema = z.strictObject({
  name: z.string(),
  /** The value when the backup began and when it ended: sequences are in no snapshot. */
  from: z.string(),
  to: z.string(),
  descending: z.boolean(),
})
const objectSchema = z.strictObject({ kind: z.string(), name: z.string(), owner: z.string(), definition: z.string() })

/** `<service>.contents.json` of a backup: what was in the database when it was taken, to be compared after a restore. */
export const contentsSchema = z.strictObject({
  format: z.literal(1),
  database: z.strictObject({
    name: z.string(),
    owner: z.string(),
    encoding: z.string(),
    /** `c` (the C library's), `i` (ICU's), `b` (PostgreSQL's own). */
    provider: z.string(),
    collate: z.string(),
    ctype: z.string(),
    locale: z.string().nullable(),
    /** Statements that set what belongs to the database itself: its settings, privileges, comment. */
    statements: z.array(z.string()),
  }),
  tables: z.array(tableSchema),
  sequences: z.array(sequenceSchema),
  largeObjects: z.strictObject({ count: z.string(), checksum: z.string() }),
  extensions: z.array(z.strictObject({ name: z.string(), version: z.string() })),
  objects: z.array(objectSchema),
  /** Roles that own something here or have privileges. */
  roles: z.array(z.string()),
  /** Versions in the ledger of migrations. */
  migrations: z.array(z.string()),
  /** False: data were changed between the snapshot and the point that a restore comes to, so checksums cannot be compared. */
  exact: z.boolean(),
})
/** What was in a database. */
export type Contents = z.output<typeof contentsSchema>
/** A table's count and checksum. */
export type TableContents = z.output<typeof tableSchema>

/** Settings under which rows have the same text on every server. GMT is UTC by the one name that needs no file of time zones, which small images lack. */
const settings = `
  set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; set local timezone = 'GMT';
  set local extra_float_digits = 1; set local bytea_output = 'hex'; set local xmloption = 'content';
  set local row_security = off; set local search_path = pg_catalog; set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0; set local lock_timeout = 0; set local quote_all_identifiers = off`

/** Prepares the open transaction of a connection for reading contents. */
export async function prepareReading(connection: Connection): Promise<void> {
  await connection.query(settings)
}

const own = (catalogue: string, oid: string) =>
  `not exists (select 1 from pg_depend d where d.classid = '${catalogue}'::regclass and d.objid = ${oid} and d.deptype = 'e')`

const schemas = `n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'`

/** A table whose rows are read. */
export type TableName = {
  name: string
  /** Its rows are hashed as they are, and not as text. */
  binary: boolean
}

/**
 * Types whose values are hashed as they are (hash_record_extended), which takes half the time: what is equal by its hash is the same for everybody. Not
 * interval, where a day equals 24 hours, and no type with an oid of its own in its values (enums), which a restore changes.
 */
const binaryTypes = [
  'bool, int2, int4, int8, float4, float8, numeric, text, varchar, bpchar, bytea, uuid, jsonb, oid',
  'date, time, timetz, timestamp, timestamptz, inet, cidr, macaddr, "char", name',
]
  .join(', ')
  .split(', ')
  .map((name) => `'${name}'::regtype`)
  .join(', ')

/** The tables whose rows a dump carries, as quoted names, the biggest first. */
export async function listTables(connection: Connection): Promise<TableName[]> {
  const { rows } = await connection.query<TableName>(
    `select format('%I.%I', n.nspname, c.relname) as name,
       not exists (select 1 from pg_attribute a left join pg_collation l on l.oid = a.attcollation
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and (a.atttypid not in (${binaryTypes}) or not coalesce(l.collisdeterministic, true))) as binary
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence <> 't' and ${schemas}
       and (${own('pg_class', 'c.oid')} or exists (select 1 from pg_extension e where c.oid = any(e.extconfig)))
     order by pg_table_size(c.oid) desc, 1`,
  )
  return rows
}

/**
 * Counts and checksums of tables: the sum, modulo 2^64, of a 64-bit hash of each row, so that the order of rows does not matter and equal rows do not
 * cancel each other out.
 */
export async function readTables(connection: Connection, names: Iterable<TableName>): Promise<TableContents[]> {
  const tables: TableContents[] = []
  for (const { name, binary } of names) {
    const hash = binary ? 'hash_record_extended(t.*, 0)' : 'hashtextextended((t.*)::text collate "C", 0)'
    const { rows } = await connection.query<{ rows: string; sum: string | null }>(
      `select count(*)::text as rows, sum(${hash})::text as sum from only ${name} t`,
    )
    tables.push({ name, rows: rows[0]?.rows ?? '0', checksum: to64(rows[0]?.sum) })
  }
  return tables
}

const to64 = (sum: string | null | undefined): string =>
  BigInt.asUintN(64, BigInt(sum ?? 0))
    .toString(16)
    .padStart(16, '0')

/** The values of all sequences, as text by name. */
export async function readSequences(
  connection: Connection,
): Promise<Map<string, { value: string; descending: boolean }>> {
  const { rows: names } = await connection.query<{ name: string; descending: boolean }>(
    `select format('%I.%I', n.nspname, c.relname) as name, s.seqincrement < 0 as descending
     from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
     where c.relpersistence <> 't' and ${own('pg_class', 'c.oid')} order by 1`,
  )
  const values = new Map<string, { value: string; descending: boolean }>()
  // Many at once: a database may have thousands.
  for (let at = 0; at < names.length; at += 200) {
    const part = names.slice(at, at + 200)
    const { rows } = await connection.query<{ at: number; value: string }>(
      part
        // One that nobody has called yet stands before its value.
        .map(
          ({ name }, index) =>
            `select ${index} as at, (last_value::numeric * 2 + is_called::int)::text as value from ${name}`,
        )
        .join(' union all '),
    )
    for (const { at: index, value } of rows) {
      const name = part[index]
      if (name) values.set(name.name, { value, descending: name.descending })
    }
  }
  return values
}

/** Everything but the rows of tables: what the database is, and what is defined in it. */
export async function readDefinitions(
  connection: Connection,
): Promise<Omit<Contents, 'tables' | 'sequences' | 'exact' | 'format'>> {
  const objects: Contents['objects'] = []
  const { rows: version } = await connection.query<{ major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  )
  const major = version[0]?.major ?? 0
  for (const { kind, sql } of objectQueries) {
    const { rows } = await connection.query<{ name: string; owner: string | null; definition: string | null }>(sql)
    for (const { name, owner, definition } of rows) {
      objects.push({ kind, name, owner: owner ?? '', definition: shortDigest(definition ?? '') })
    }
  }
  return {
    database: await readDatabase(connection, major),
    largeObjects: await readLargeObjects(connection),
    extensions: await readExtensions(connection),
    objects,
    roles: await readRoles(connection),
    migrations: await readMigrationVersions(connection),
  }
}

async function readDatabase(connection: Connection, major: number): Promise<Contents['database']> {
  const locale = major >= 17 ? 'd.datlocale' : 'd.daticulocale'
  const { rows } = await connection.query<Contents['database'] & { oid: string }>(
    `select d.oid::text, datname as name, pg_get_userbyid(datdba) as owner, pg_encoding_to_char(encoding) as encoding,
            datlocprovider as provider, datcollate as collate, datctype as ctype, ${locale} as locale
     from pg_database d where datname = current_database()`,
  )
  const { oid, ...database } = rows[0] as Contents['database'] & { oid: string }
  const { rows: statements } = await connection.query<{ text: string }>(
    `select case when s.setrole = 0
              then format('alter database :database set %I to %s', split_part(c, '=', 1), setting)
              else format('alter role %I in database :database set %I to %s', pg_get_userbyid(s.setrole), split_part(c, '=', 1), setting) end as text
     from pg_db_role_setting s, unnest(s.setconfig) c,
          lateral (select case when split_part(c, '=', 1) in ('search_path', 'session_preload_libraries', 'local_preload_libraries', 'temp_tablespaces', 'DateStyle')
                     then substr(c, strpos(c, '=') + 1) else quote_literal(substr(c, strpos(c, '=') + 1)) end as setting) v
     where s.setdatabase = $1::oid
     union all
     select format('grant %s on database :database to %s%s', string_agg(a.privilege_type, ', ' order by 1),
                   case when a.grantee = 0 then 'public' else format('%I', pg_get_userbyid(a.grantee)) end,
                   case when a.is_grantable then ' with grant option' else '' end)
     from pg_database d, aclexplode(d.datacl) a where d.oid = $1::oid and a.grantee <> d.datdba group by a.grantee, a.is_grantable
     union all
     select format('comment on database :database is %L', shobj_description($1::oid, 'pg_database'))
     where shobj_description($1::oid, 'pg_database') is not null`,
    [oid],
  )
  const { rows: revoked } = await connection.query(
    `select 1 from pg_database where oid = $1::oid and datacl is not null`,
    [oid],
  )
  const texts = statements.map(({ text }) => text)
  return {
    ...database,
    statements: revoked.length > 0 ? ['revoke all on database :database from public', ...texts] : texts,
  }
}

async function readLargeObjects(connection: Connection): Promise<Contents['largeObjects']> {
  const { rows } = await connection.query<{ count: string; sum: string | null }>(
    `select (select count(*) from pg_largeobject_metadata)::text as count,
            (select sum(hashtextextended(loid::text || ':' || pageno::text || ':' || encode(data, 'hex'), 0)) from pg_largeobject)::text as sum`,
  )
  return { count: rows[0]?.count ?? '0', checksum: to64(rows[0]?.sum) }
}

async function readExtensions(connection: Connection): Promise<Contents['extensions']> {
  const { rows } = await connection.query<{ name: string; version: string }>(
    'select extname::text as name, extversion as version from pg_extension order by 1',
  )
  return rows
}

async function readRoles(connection: Connection): Promise<string[]> {
  const { rows } = await connection.query<{ name: string }>(
    `select distinct r.rolname::text as name from pg_shdepend d join pg_roles r on r.oid = d.refobjid
     where d.refclassid = 'pg_authid'::regclass and (d.dbid = (select oid from pg_database where datname = current_database())
        or (d.classid = 'pg_database'::regclass and d.objid = (select oid from pg_database where datname = current_database())))
     union select pg_get_userbyid(datdba)::text from pg_database where datname = current_database() order by 1`,
  )
  return rows.map(({ name }) => name).filter((name) => !name.startsWith('pg_'))
}

async function readMigrationVersions(connection: Connection): Promise<string[]> {
  const { rows: found } = await connection.query<{ there: boolean }>(
    `select to_regclass('vital_ops.migrations') is not null as there`,
  )
  if (!found[0]?.there) return []
  const { rows } = await connection.query<{ version: string }>(
    'select version::text as version from vital_ops.migrations order by 1',
  )
  return rows.map(({ version }) => version)
}

/** 64 bits are enough to see a difference; the text itself may say what is nobody's business. */
const shortDigest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

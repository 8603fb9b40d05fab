import type { Connection } from '../connect.ts'
import { readSchema, type SchemaListing, schemaDifference } from './catalogue.ts'

const definition = `
create table if not exists vital_ops.schema_state (
  only_one boolean primary key default true check (only_one),
  major integer not null,
  sha256 text not null,
  objects jsonb not null,
  migrations bigint not null,
  sequence bigint not null,
  recorded_at timestamptz not null default pg_catalog.clock_timestamp()
);`

/** Where the ledger stands: how many rows, and the newest's place. */
const standing = 'select count(*) as migrations, coalesce(max(sequence), 0) as sequence from vital_ops.migrations'

/** Records what the schema is after migrations were applied or undone. Call it with the migration lock held. */
export async function recordSchema(connection: Connection): Promise<void> {
  const { major, sha256, objects } = await readSchema(connection)
  const { rows } = await connection.query("select to_regclass('vital_ops.schema_state') is not null as there")
  if (!(rows[0] as { there: boolean }).there) await connection.query(definition)
  await connection.query(
    `insert into vital_ops.schema_state (major, sha256, objects, migrations, sequence)
     select $1::int, $2::text, $3::jsonb, l.migrations, l.sequence from (${standing}) l
     on conflict (only_one) do update set major = excluded.major, sha256 = excluded.sha256, objects = excluded.objects,
       migrations = excluded.migrations, sequence = excluded.sequence, recorded_at = pg_catalog.clock_timestamp()`,
    [major, sha256, JSON.stringify(objects)],
  )
}

/**
 * How the live schema compares with the one that the ledger recorded after its last migration: `same`, `drift` with a diff, or `unknown` with the reason (there
 * is no record, it is older than the ledger, another major version of the server wrote it).
 */
export type SchemaState =
  | { state: 'same'; live: SchemaListing }
  | { state: 'drift'; live: SchemaListing; difference: string[] }
  | { state: 'unknown'; live: SchemaListing; why: string }

/** Compares them, and writes nothing. */
export async function compareSchema(connection: Connection): Promise<SchemaState> {
  const live = await readSchema(connection)
  const { rows: there } = await connection.query("select to_regclass('vital_ops.schema_state') is not null as there")
  if (!(there[0] as { there: boolean }).there)
    return { state: 'unknown', live, why: 'no migration has recorded it yet' }
  const { rows } = await connection.query<{ major: number; sha256: string; objects: string[]; current: boolean }>(
    `select s.major, s.sha256, s.objects, s.migrations = l.migrations and s.sequence = l.sequence as current
     from vital_ops.schema_state s, (${standing}) l`,
  )
  const [recorded] = rows
  if (recorded === undefined || !recorded.current) {
    return { state: 'unknown', live, why: 'the last run of migrations was cut off before it recorded the schema' }
  }
  if (recorded.major !== live.major) {
    return { state: 'unknown', live, why: `it was recorded on PostgreSQL ${recorded.major}, this is ${live.major}` }
  }
  if (recorded.sha256 === live.sha256) return { state: 'same', live }
  return { state: 'drift', live, difference: schemaDifference(recorded.objects, live.objects) }
}

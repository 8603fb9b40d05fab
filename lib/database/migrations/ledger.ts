import { hostname, userInfo } from 'node:os'
import type { MigrationFile } from '../../model/desired.ts'
import type { Connection } from '../connect.ts'

/** A migration as the ledger has it. */
export type LedgerEntry = {
  version: string
  name: string
  sha256: string
  effect: 'expand' | 'breaking'
  statements: number
  /** ISO 8601. */
  appliedAt: string
  appliedBy: string
  durationMs: number
  release?: number
  /** In which order they were applied, from 1. */
  sequence: number
}

/** How far a migration that runs statement by statement has come. */
export type Progress = {
  version: string
  sha256: string
  /** Statements that are done. */
  done: number
  /** The statement that was begun outside a transaction, counted from 0; its effect may be there or not. */
  begun?: number
  /** What was there before it, to tell its effect from what is older. */
  before?: Record<string, unknown>
}

/** How the last attempt at a migration ended that is not applied. `at` is ISO 8601. */
export type FailedAttempt = { version: string; message: string; at: string }

/** What the ledger says. Empty when there is none. */
export type Ledger = {
  applied: LedgerEntry[]
  progress: Progress[]
  failures: FailedAttempt[]
  seeds: { name: string; sha256: string }[]
}

/** The ledger's tables, in a schema of their own, so that they are in nobody's way and in no search_path. */
const definition = `
create schema if not exists vital_ops;
comment on schema vital_ops is 'What vital-ops has applied to this database; written by task migrate and task setup';
create table if not exists vital_ops.migrations (
  version text primary key,
  name text not null,
  sha256 text not null,
  effect text not null check (effect in ('expand', 'breaking')),
  statements integer not null,
  applied_at timestamptz not null default pg_catalog.clock_timestamp(),
  applied_by text not null,
  duration_ms bigint not null,
  release integer,
  source text not null,
  sequence bigint generated always as identity unique
);
create table if not exists vital_ops.migration_progress (
  version text primary key,
  sha256 text not null,
  done integer not null,
  begun integer,
  before jsonb,
  updated_at timestamptz not null default pg_catalog.clock_timestamp()
);
create table if not exists vital_ops.seeds (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default pg_catalog.clock_timestamp(),
  applied_by text not null,
  duration_ms bigint not null
);`

/** Of later versions of the ledger: it is read only where it is there. */
const laterDefinition = `
create table if not exists vital_ops.migration_failures (
  version text primary key,
  message text not null,
  at timestamptz not null default pg_catalog.clock_timestamp()
);`

/** How many of the ledger's tables are there. */
async function tablesOf(connection: Connection): Promise<{ first: boolean; later: boolean }> {
  const { rows } = await connection.query<{ first: boolean; later: boolean }>(
    `select pg_catalog.count(*) filter (where c.relname <> 'migration_failures') = 3 as first,
       pg_catalog.count(*) filter (where c.relname = 'migration_failures') = 1 as later
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'vital_ops' and c.relname in ('migrations', 'migration_progress', 'seeds', 'migration_failures')`,
  )
  return rows[0] ?? { first: false, later: false }
}

/** Makes the ledger's tables if they are missing. Call it with the migration lock held. */
export async function ensureLedger(connection: Connection): Promise<void> {
  const there = await tablesOf(connection)
  if (!there.first) await connection.query(definition)
  if (!there.later) await connection.query(laterDefinition)
}

/** Reads the ledger without writing anything; an empty one if there is none. Entries come in the order of their application. */
export async function readLedger(connection: Connection): Promise<Ledger> {
  const there = await tablesOf(connection)
  if (!there.first) return { applied: [], progress: [], failures: [], seeds: [] }
  const applied = await connection.query<Omit<LedgerEntry, 'release'> & { release: number | null; at: Date }>(
    `select version, name, sha256, effect, statements, applied_at as at, applied_by as "appliedBy",
       duration_ms::float8 as "durationMs", release, sequence::int4 as sequence
     from vital_ops.migrations order by sequence`,
  )
  const progress = await connection.query<{
    version: string
    sha256: string
    done: number
    begun: number | null
    before: Record<string, unknown> | null
  }>('select version, sha256, done, begun, before from vital_ops.migration_progress')
  const seeds = await connection.query<{ name: string; sha256: string }>(
    'select name, sha256 from vital_ops.seeds order by name',
  )
  const failures = there.later
    ? await connection.query<{ version: string; message: string; at: Date }>(
        'select version, message, at from vital_ops.migration_failures',
      )
    : { rows: [] }
  return {
    failures: failures.rows.map(({ at, ...failure }) => ({ ...failure, at: at.toISOString() })),
    applied: applied.rows.map(({ at, release, ...entry }) => ({
      ...entry,
      appliedAt: at.toISOString(),
      ...(release !== null && { release }),
    })),
    progress: progress.rows.map(({ begun, before, ...entry }) => ({
      ...entry,
      ...(begun !== null && { begun }),
      ...(before !== null && { before }),
    })),
    seeds: seeds.rows,
  }
}

/** The text of an applied migration as it was then. */
export async function readAppliedText(connection: Connection, version: string): Promise<string | undefined> {
  const { rows } = await connection.query<{ source: string }>(
    'select source from vital_ops.migrations where version = $1',
    [version],
  )
  return rows[0]?.source
}

/** Who applies, for the ledger: account and machine, at most 200 characters. */
export function appliedBy(): string {
  let user = 'unknown'
  try {
    user = userInfo().username
  } catch {
    // An account without an entry in /etc/passwd has only a number.
    user = `user ${process.getuid?.() ?? '?'}`
  }
  return `${user}@${hostname()}`.slice(0, 200)
}

/** What is recorded of a migration that was applied. */
export type Done = { text: string; statements: number; durationMs: number; release?: number }

/** Writes a migration's row (a repeatable one's anew), and takes its progress and its failure away. Belongs into the transaction of what it records. */
export const recordMigration = (connection: Connection, file: MigrationFile, done: Done): Promise<void> =>
  recordMigrations(connection, [{ file, ...done }])

/** Writes the rows of several migrations, in their order. */
export async function recordMigrations(
  connection: Connection,
  done: readonly (Done & { file: MigrationFile })[],
): Promise<void> {
  await connection.query(
    `with done as (
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::int[], $8::text[])
         with ordinality as d (version, name, sha256, effect, statements, duration_ms, release, source, place)
     ), progress as (delete from vital_ops.migration_progress where version = any ($1)),
       failures as (delete from vital_ops.migration_failures where version = any ($1))
     insert into vital_ops.migrations (version, name, sha256, effect, statements, applied_by, duration_ms, release, source)
     select version, name, sha256, effect, statements, $9, duration_ms, release, source from done order by place
     ${
       done.some(({ file }) => file.repeatable)
         ? `on conflict (version) do update set name = excluded.name, sha256 = excluded.sha256, effect = excluded.effect,
       statements = excluded.statements, applied_at = pg_catalog.clock_timestamp(), applied_by = excluded.applied_by,
       duration_ms = excluded.duration_ms, release = excluded.release, source = excluded.source`
         : ''
     }`,
    [
      done.map(({ file }) => file.version),
      done.map(({ file }) => file.name),
      done.map(({ file }) => file.sha256),
      done.map(({ file }) => file.effect),
      done.map(({ statements }) => statements),
      done.map(({ durationMs }) => Math.round(durationMs)),
      done.map(({ release }) => release ?? null),
      done.map(({ text }) => text),
      appliedBy(),
    ],
  )
}

/** Takes away what is known of attempts at a migration. */
export async function forgetAttempts(connection: Connection, version: string): Promise<void> {
  await connection.query('delete from vital_ops.migration_progress where version = $1', [version])
  await connection.query('delete from vital_ops.migration_failures where version = $1', [version])
}

/** Writes that an attempt at a migration failed, so that `status` can say so. Belongs outside its transaction, which was rolled back. */
export async function recordFailure(connection: Connection, version: string, message: string): Promise<void> {
  await connection.query(
    `insert into vital_ops.migration_failures (version, message) values ($1, $2)
     on conflict (version) do update set message = excluded.message, at = pg_catalog.clock_timestamp()`,
    [version, message.slice(0, 1000)],
  )
}

/** Takes a migration's row away, and what is known of attempts at it. Belongs into the transaction of what it records. */
export async function forgetMigration(connection: Connection, version: string): Promise<void> {
  await connection.query('delete from vital_ops.migrations where version = $1', [version])
  await forgetAttempts(connection, version)
}

/** Writes how far a migration has come. */
export async function recordProgress(connection: Connection, progress: Progress): Promise<void> {
  await connection.query(
    `insert into vital_ops.migration_progress (version, sha256, done, begun, before) values ($1, $2, $3, $4, $5)
     on conflict (version) do update set sha256 = excluded.sha256, done = excluded.done, begun = excluded.begun,
       before = excluded.before, updated_at = pg_catalog.clock_timestamp()`,
    [
      progress.version,
      progress.sha256,
      progress.done,
      progress.begun ?? null,
      progress.before === undefined ? null : JSON.stringify(progress.before),
    ],
  )
}

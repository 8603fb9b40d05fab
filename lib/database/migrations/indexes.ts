import type { Connection } from '../connect.ts'
import type { Statement } from '../sql/parser.ts'
import { child, type QualifiedName, relationName } from '../sql/statements.ts'

/** An index that a build left behind, or that is being built. */
type InvalidIndex = { oid: number; schema: string; name: string; table: number; builder: number | null }

/** The indexes that were there before a concurrent build: what is new afterwards is the build's. Object ids. */
export type IndexesBefore = { table: number | null; indexes: number[]; invalid: number[] }

/** Notes what is there before a statement that builds or rebuilds indexes concurrently. */
export async function indexesBefore(connection: Connection, statement: Statement): Promise<IndexesBefore> {
  const table = statement.kind === 'IndexStmt' ? await tableOf(connection, statement) : null
  const { rows } = await connection.query<{ oid: number; valid: boolean; table: number }>(
    'select indexrelid::int8::float8 as oid, indisvalid as valid, indrelid::int8::float8 as table from pg_catalog.pg_index',
  )
  return {
    table,
    indexes: rows.filter((row) => row.table === table).map(({ oid }) => oid),
    invalid: rows.filter(({ valid }) => !valid).map(({ oid }) => oid),
  }
}

async function tableOf(connection: Connection, statement: Statement): Promise<number | null> {
  const { schema, name } = relationName(child(statement.node, 'relation'))
  return objectId(connection, { ...(schema !== undefined && { schema }), name })
}

/** The object id of a relation, found as the session would find it; null if there is none. */
async function objectId(connection: Connection, { schema, name }: QualifiedName): Promise<number | null> {
  const quoted = [schema, name].filter((part) => part !== undefined).map((part) => connection.escapeIdentifier(part))
  const { rows } = await connection.query<{ oid: number | null }>(
    'select pg_catalog.to_regclass($1)::oid::int8::float8 as oid',
    [quoted.join('.')],
  )
  return rows[0]?.oid ?? null
}

/** The index that a CREATE INDEX of this name would meet: in the table's schema. */
async function namedIndex(connection: Connection, statement: Statement): Promise<InvalidIndex | undefined> {
  const name = statement.node?.idxname
  const table = await tableOf(connection, statement)
  if (typeof name !== 'string' || table === null) return undefined
  const found = await invalidIndexes(connection)
  const { rows } = await connection.query<{ oid: number }>(
    `select c.oid::int8::float8 as oid from pg_catalog.pg_class c
     where c.relname = $1 and c.relnamespace = (select relnamespace from pg_catalog.pg_class where oid = $2::int8::oid)`,
    [name, table],
  )
  return found.find(({ oid }) => oid === rows[0]?.oid)
}

async function invalidIndexes(connection: Connection): Promise<InvalidIndex[]> {
  const { rows } = await connection.query<InvalidIndex>(
    `select i.indexrelid::int8::float8 as oid, n.nspname as schema, c.relname as name, i.indrelid::int8::float8 as table,
       (select p.pid from pg_catalog.pg_stat_progress_create_index p where p.index_relid = i.indexrelid limit 1) as builder
     from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where not i.indisvalid and n.nspname !~ '^pg_toast' and c.relkind = 'i'`,
  )
  return rows
}

async function drop(connection: Connection, index: InvalidIndex, output: (line: string) => void): Promise<void> {
  const name = `${connection.escapeIdentifier(index.schema)}.${connection.escapeIdentifier(index.name)}`
  output(`dropping the invalid index ${index.schema}.${index.name}, left by a build that did not end`)
  await connection.query(`drop index concurrently if exists ${name}`)
}

/**
 * Drops an invalid index of the name that a statement is about to build: with IF NOT EXISTS PostgreSQL would leave it as it is and the
 * migration would count as applied. One that somebody is building now is left alone.
 */
export async function dropInvalidNamesake(
  connection: Connection,
  statement: Statement,
  output: (line: string) => void,
): Promise<void> {
  const index = await namedIndex(connection, statement)
  if (index && index.builder === null) await drop(connection, index, output)
}

/** Drops what a broken concurrent build has left: indexes that are invalid, were not there before, and nobody builds. */
export async function dropLeftIndexes(
  connection: Connection,
  before: IndexesBefore,
  output: (line: string) => void,
): Promise<void> {
  for (const index of await invalidIndexes(connection)) {
    const ours = before.table === null ? /_cc(new|old)\d*$/.test(index.name) : index.table === before.table
    if (ours && index.builder === null && !before.invalid.includes(index.oid)) await drop(connection, index, output)
  }
}

/** Whether a CREATE INDEX CONCURRENTLY that was cut off had done its work: a valid index that was not there before. */
export async function indexWasBuilt(
  connection: Connection,
  statement: Statement,
  before: IndexesBefore,
): Promise<boolean> {
  if (before.table === null) return false
  const { rows } = await connection.query<{ oid: number; name: string }>(
    `select i.indexrelid::int8::float8 as oid, c.relname as name from pg_catalog.pg_index i
     join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = $1::int8::oid and i.indisvalid`,
    [before.table],
  )
  const name = statement.node?.idxname
  return rows.some((row) => !before.indexes.includes(row.oid) && (name === undefined || row.name === name))
}

/** Whether the index that a statement names is there and not valid: its build has failed without an error. */
export async function isInvalid(connection: Connection, statement: Statement): Promise<boolean> {
  return (await namedIndex(connection, statement)) !== undefined
}

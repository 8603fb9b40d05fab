import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import type { Client } from 'pg'
import type { Ledger, LedgerEntry } from './ledger.ts'

/** Who reads a ledger, and where. */
export type LedgerAddress = { host: string; port: number; user: string; password: string; database: string }

/** A server that takes longer to let somebody in is for who says why. */
const connectTimeoutMs = 2000

/** One value in one answer: to take apart ten thousand values takes longer than to ask for them. The columns are in the order in which `entryOf` takes them. */
const query = `select pg_catalog.json_build_array(
  (select pg_catalog.count(*) from vital_ops.migration_progress) + (select pg_catalog.count(*) from vital_ops.migration_failures),
  (select pg_catalog.json_agg(pg_catalog.json_build_array(version, name, sha256, effect, statements,
      pg_catalog.to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      applied_by, duration_ms, release, sequence) order by sequence)
    from vital_ops.migrations))::text`

/**
 * The ledger, read by one connection with one question, without what loading this package's other code takes. Undefined where anything is not as it is
 * almost always: no server, no ledger, an older one, attempts that did not end. Who is told so asks again with `readLedger`, which says what it is.
 */
export async function readLedgerRows(address: LedgerAddress): Promise<Ledger | undefined> {
  // The client alone: the package's main file also loads its pool.
  const load = createRequire(import.meta.url) as (name: string) => unknown
  const PgClient = load('pg/lib/client.js') as new (config: object) => Client
  const client = new PgClient({
    ...address,
    application_name: 'vital-ops/status',
    // Its own way to make one looks whether this is Node, which loads all that Node has for the web.
    stream: () => new Socket(),
    connectionTimeoutMillis: connectTimeoutMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<[string]>({ text: query, rowMode: 'array' })
    const [unfinished, applied] = JSON.parse(rows[0]?.[0] ?? '[1]') as [number, Row[] | null]
    if (unfinished !== 0) return undefined
    return { applied: (applied ?? []).map(entryOf), progress: [], failures: [], seeds: [] }
  } catch {
    return undefined
  } finally {
    void client.end().catch(() => {})
  }
}

type Row = [string, string, string, LedgerEntry['effect'], number, string, string, number, number | null, number]

function entryOf(row: Row): LedgerEntry {
  const [version, name, sha256, effect, statements, appliedAt, appliedBy, durationMs, release, sequence] = row
  return {
    version,
    name,
    sha256,
    effect,
    statements,
    appliedAt,
    appliedBy,
    durationMs,
    ...(release !== null && { release }),
    sequence,
  }
}

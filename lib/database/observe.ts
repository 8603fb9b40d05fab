import { ok, type Result } from '../model/failure.ts'
import type { Secret } from '../model/secret.ts'
import type { ObservedDatabase } from '../model/snapshot.ts'
import { type DatabaseRequest, missingParts } from './admin.ts'
import { type DatabaseAddress, withDatabase } from './connect.ts'
import { readLedger } from './migrations/ledger.ts'

/** What is looked at. */
export type ObserveRequest = {
  /** The data folder (or volume) exists. */
  created: boolean
  /** Where the administrator gets in; absent when the server is not to be asked (it does not run). */
  admin?: Omit<DatabaseAddress, 'database'> & { password: Secret }
  /** What the environment wants of it. */
  wanted: DatabaseRequest
}

/**
 * What is known of an environment's database, read without writing anything: whether it is there, whether role, password and database are as
 * wanted, and what the ledger says. A server that does not answer is no failure, only not `reachable`.
 */
export async function observeDatabase(request: ObserveRequest): Promise<ObservedDatabase> {
  const { created, admin, wanted } = request
  if (!created || admin === undefined) return { created, reachable: false }
  const missing = await withDatabase({ ...admin, database: 'postgres' }, async (connection) =>
    ok(await missingParts(connection, wanted)),
  )
  if (!missing.ok) return { created, reachable: false }
  const ready = missing.value.length === 0
  if (missing.value.includes('database')) return { created, reachable: true, ready, applied: [], seeded: [] }
  const ledger = await readLedgerOf({ ...admin, database: wanted.name })
  return { created, reachable: true, ready, ...(ledger.ok && ledger.value) }
}

/** What is known of a database that somebody else runs: it is there, or it does not answer. */
export async function observeAddressed(address: DatabaseAddress): Promise<ObservedDatabase> {
  const ledger = await readLedgerOf(address)
  return ledger.ok
    ? { created: true, reachable: true, ready: true, ...ledger.value }
    : { created: true, reachable: false }
}

/** The ledger of a database as a snapshot carries it. */
async function readLedgerOf(address: DatabaseAddress): Promise<Result<Pick<ObservedDatabase, 'applied' | 'seeded'>>> {
  return withDatabase(address, async (connection) => {
    const { applied, seeds } = await readLedger(connection)
    return ok({
      applied: applied.map(({ version, name, sha256, effect }) => ({ version, name, sha256, effect })),
      seeded: seeds.map(({ name, sha256 }) => ({ name, sha256 })),
    })
  })
}

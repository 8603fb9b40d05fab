import { withDatabase } from '../../lib/database/connect.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import { until } from '../support/index.ts'

/** Asks the database of a world, in the session that holds the lock. */
export type Ask = (sql: string) => Promise<Record<string, unknown>[]>

/** Holds a lock in the database of a world, as its owner, for the time of `use`: what wants the table waits, for as long as a test needs. */
export async function whileHeld(
  { port, password, lock }: { port: number; password: string; lock: string },
  use: (ask: Ask) => Promise<void>,
): Promise<void> {
  const secret = new Secret('POSTGRES_PASSWORD', password)
  const address = {
    host: '127.0.0.1',
    port,
    database: 'shop',
    user: 'shop',
    password: secret,
    applicationName: 'holder',
  }
  unwrap(
    await withDatabase(address, async (connection) => {
      await connection.query(`begin; ${lock}`)
      await use(async (sql) => (await connection.query(sql)).rows)
      await connection.query('rollback')
      return ok(undefined)
    }),
  )
}

/** Waits until another session waits for what this one holds. */
export const waitsForLock = (ask: Ask): Promise<unknown> =>
  until(async () => (await ask('select 1 from pg_locks where not granted')).length > 0, {
    deadline: 100_000,
    what: 'the other session to wait',
  })

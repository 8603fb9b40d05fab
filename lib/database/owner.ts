import type { Result } from '../model/failure.ts'
import type { DatabaseAdministrator } from '../model/platform.ts'
import { type Connection, type DatabaseAddress, withDatabase } from './connect.ts'

/** Where a server's administrator gets in, under which name, and until when. */
export type AdministratorAddress = DatabaseAdministrator & Pick<DatabaseAddress, 'applicationName' | 'signal'>

/**
 * A connection that acts as the role that owns a database, so that what is made is the service's own; as the administrator where there is
 * no such database yet. Failures: those of `withDatabase`.
 */
export async function withOwner<T>(
  admin: AdministratorAddress,
  database: string,
  use: (connection: Connection) => Promise<Result<T>>,
): Promise<Result<T>> {
  return withDatabase({ ...admin, database: 'postgres' }, async (connection) => {
    const { rows } = await connection.query<{ owner: string }>(
      'select pg_catalog.pg_get_userbyid(datdba) as owner from pg_catalog.pg_database where datname = $1',
      [database],
    )
    const owner = rows[0]?.owner
    const asOwner = owner === undefined || owner === admin.user ? {} : { role: owner }
    return withDatabase({ ...admin, database, ...asOwner }, use)
  })
}

import { applicationName, type Connection, withDatabase } from '../../lib/database/connect.ts'
import { withOwner } from '../../lib/database/owner.ts'
import type { DesiredDatabase } from '../../lib/model/desired.ts'
import { FailureError, failed, type Result, unwrap } from '../../lib/model/failure.ts'
import type { Session } from './session.ts'

/** The database that an environment names. Throws `no-database`. */
export function databaseOf({ desired }: Pick<Session, 'desired'>): DesiredDatabase {
  if (desired.database) return desired.database
  throw new FailureError({
    code: 'no-database',
    message: `environment ${desired.environment} names no database`,
    outcome: 'unchanged',
    next: [`add \`database: { service: … }\` to config/environments/${desired.configuredAs}.yaml`],
  })
}

/** Uses a connection to the environment's database, for the time of `use`. Throws what goes wrong. */
export async function useDatabase<T>(
  session: Session,
  as: 'owner' | 'administrator',
  signal: AbortSignal,
  use: (connection: Connection) => Promise<Result<T>>,
): Promise<T> {
  const { service, name } = databaseOf(session)
  const found = await session.platform.administrator(service)
  if (!found.ok) throw new FailureError(...found.failures)
  const admin = { ...found.value, applicationName: applicationName(session.run), signal }
  return unwrap(await (as === 'owner' ? withOwner(admin, name, use) : withDatabase({ ...admin, database: name }, use)))
}

/** A failed result for what the person typed. */
export const usage = (code: string, message: string, more: { nearest?: string; next?: string[] } = {}) =>
  failed({ code, message, ...more, outcome: 'usage' })

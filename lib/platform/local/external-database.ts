import { databaseAt } from '../../backup/sources/address.ts'
import { observeAddressed } from '../../database/observe.ts'
import type { DesiredDatabase } from '../../model/desired.ts'
import { FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { DatabaseAdministrator, SecretSource } from '../../model/platform.ts'
import type { ObservedDatabase } from '../../model/snapshot.ts'

/** How long an address is given to answer when an environment is only looked at. */
const lookMs = 4000

/**
 * Who gets in at the address of a database that no service of the environment runs (`database.url`): whoever it names. Failures: `bad-address`,
 * `secret-missing`, `database-name-differs`.
 */
export async function externalAdministrator(
  { service, name, url }: Pick<DesiredDatabase, 'service' | 'name' | 'url'>,
  secrets: SecretSource,
): Promise<Result<DatabaseAdministrator>> {
  try {
    const nobody = { administrator: async () => failed({ code: 'no-address', message: `${service} has no address` }) }
    const { server, database } = await databaseAt(
      nobody,
      { service, database: name, ...(url !== undefined && { url }) },
      secrets,
    )
    if (database === name) return ok(server)
    return failed({
      code: 'database-name-differs',
      message: `database.url names the database ${database}, and the service ${service} the database ${name}`,
      service,
      next: ['let both name the same: the path of the url, and database.name of the service'],
      outcome: 'unchanged',
    })
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [FailureError['failures'][0]]))
    throw error
  }
}

/** What is known of a database by its address. One that does not answer soon is not reachable, which is no failure. */
export async function observeExternal(
  database: DesiredDatabase,
  secrets: SecretSource,
  signal: AbortSignal,
): Promise<ObservedDatabase> {
  const server = await externalAdministrator(database, secrets)
  if (!server.ok) return { created: true, reachable: false }
  const soon = AbortSignal.any([signal, AbortSignal.timeout(lookMs)])
  return observeAddressed({
    ...server.value,
    database: database.name,
    applicationName: 'vital-ops/observe',
    signal: soon,
  })
}

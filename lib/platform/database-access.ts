import { observeDatabase } from '../database/observe.ts'
import type { Desired, DesiredDatabase, DesiredService } from '../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import type { DatabaseAdministrator, Endpoint, SecretSource } from '../model/platform.ts'
import type { ObservedDatabase } from '../model/snapshot.ts'

/**
 * The administrator of the server that a service is where its image makes one: the service's own user (`POSTGRES_USER`). `connect` finds the
 * way to the service's first port. Failures: `no-database`, `secret-missing`, and those of connecting.
 */
export async function administratorOf(
  { services, database }: Pick<Desired, 'services' | 'database'>,
  service: string,
  secrets: SecretSource,
  connect: (desired: DesiredService | undefined) => Promise<Result<Endpoint>>,
): Promise<Result<DatabaseAdministrator>> {
  const desired = services.find(({ name }) => name === service)
  const { user, password: reference } =
    (database?.service === service ? database : undefined) ?? desired?.spec?.database ?? {}
  if (user === undefined || reference === undefined) return failed(noDatabase(service))
  const password = secrets.find(reference)
  if (!password) return failed(noPassword(service, reference.secret))
  const endpoint = await connect(withPort(desired))
  return endpoint.ok ? ok({ host: endpoint.value.host, port: endpoint.value.port, user, password }) : endpoint
}

/** A database that names no port listens where PostgreSQL does. */
function withPort(desired: DesiredService | undefined): DesiredService | undefined {
  if (!desired?.spec || Object.keys(desired.spec.ports).length > 0) return desired
  return { ...desired, spec: { ...desired.spec, ports: { postgres: 5432 } } }
}

/** What is known of a database whose server was, or was not, reached. `created`: whether it has data, asked where nobody answers. */
export async function observeServer(
  database: DesiredDatabase,
  admin: Result<DatabaseAdministrator>,
  secrets: SecretSource,
  created: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<ObservedDatabase> {
  const password = secrets.find(database.password)
  if (!admin.ok || !password) return { created: await created(), reachable: false }
  return observeDatabase({
    created: true,
    admin: { ...admin.value, applicationName: 'vital-ops/observe', signal },
    wanted: { name: database.name, user: database.user, password },
  })
}

const noDatabase = (service: string): Failure => ({
  code: 'no-database',
  message: `${service} is no database: its file has no \`database\``,
  service,
  outcome: 'unchanged',
})

const noPassword = (service: string, name: string): Failure => ({
  code: 'secret-missing',
  message: `${service} needs the secret ${name}, which no provider has`,
  service,
  outcome: 'unchanged',
})

import type { Desired, DesiredService } from '../../model/desired.ts'
import { failed, type Result } from '../../model/failure.ts'
import type { DatabaseAdministrator, Endpoint, SecretSource } from '../../model/platform.ts'
import type { ObservedDatabase } from '../../model/snapshot.ts'
import { observeServer, administratorOf as serviceAdministrator } from '../database-access.ts'
import { observeExternal } from '../local/external-database.ts'
import { noSuchPort, notRunning } from '../service-failures.ts'
import { type Container, serviceContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import { label } from './names.ts'
import { reach } from './reach.ts'

/** Ways to containers that were opened for this process, by container and port: one for each is enough. */
export type Ways = Map<string, Promise<Result<Endpoint>>>

/** A service's port as reachable from here, published or not. Failures: `service-not-running`, `no-such-port`, `not-reachable`. */
export async function connectTo(
  docker: DockerContext,
  ways: Ways,
  desired: DesiredService | undefined,
  service: string,
  port: string,
): Promise<Result<Endpoint>> {
  const found = await serviceContainers(docker, service)
  if (!found.ok) return found
  const main = desired?.spec?.docker?.main ?? service
  const running = found.value.filter(({ kept, status }) => !kept && status === 'running')
  const container = running.find(({ composeService }) => composeService === main) ?? running[0]
  if (!container) return failed(notRunning(service))
  const ports = desired?.spec?.ports ?? {}
  const number = port === '' ? Object.values(ports)[0] : ports[port]
  if (number === undefined) return failed(noSuchPort(service, port, Object.keys(ports), 'docker.ports of the service'))
  return wayTo(docker, ways, container, number)
}

function wayTo(docker: DockerContext, ways: Ways, container: Container, port: number): Promise<Result<Endpoint>> {
  const key = `${container.id} ${container.startedAt} ${port}`
  const known = ways.get(key) ?? reach(docker.engine, container, port)
  ways.set(key, known)
  return known
}

/** The administrator of the environment's database: the service's own user, whom its image has made one (`POSTGRES_USER`). */
export async function administratorOf(
  docker: DockerContext,
  ways: Ways,
  desired: Pick<Desired, 'services' | 'database'>,
  service: string,
  secrets: SecretSource,
): Promise<Result<DatabaseAdministrator>> {
  if (docker.external?.service === service) return docker.external.administrator()
  return serviceAdministrator(desired, service, secrets, (found) => connectTo(docker, ways, found, service, ''))
}

/** What is known of the environment's database. A server that does not run is not asked; its volume says whether there are data. */
export async function databaseOf(
  docker: DockerContext,
  ways: Ways,
  desired: Desired,
  secrets: SecretSource,
  signal: AbortSignal,
): Promise<ObservedDatabase | undefined> {
  const { database, services } = desired
  if (!database) return undefined
  if (database.url !== undefined) return observeExternal(database, secrets, signal)
  const spec = services.find(({ name }) => name === database.service)?.spec?.docker
  if (!spec) return undefined
  const admin = await administratorOf(docker, ways, desired, database.service, secrets)
  return observeServer(database, admin, secrets, () => hasData(docker, spec.project, signal), signal)
}

/** Whether a project has a volume of its own. An engine that does not say is taken to have it. */
async function hasData({ engine }: DockerContext, project: string, signal: AbortSignal): Promise<boolean> {
  const filter = `label=${label.project}=${project}`
  const volumes = await engine.checked(['volume', 'ls', '--quiet', '--filter', filter], { signal })
  return !volumes.ok || volumes.value.trim() !== ''
}

import { applicationName, type DatabaseAddress } from '../../database/connect.ts'
import { adminFileOf, adminUser, dataFolderOf, inspectCluster, readAdminSecret } from '../../database/engine/cluster.ts'
import type { Desired, RunSpec } from '../../model/desired.ts'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { LocalContext } from './context.ts'
import { findDataFolder } from './data-root.ts'

/** Where an embedded engine is reached, and under whom. */
export type EnginePlace = Pick<RunSpec, 'service' | 'ports'> & { version: number }

/** The engine that a service runs; undefined for services that are none. */
export function enginePlace(spec: RunSpec | undefined): EnginePlace | undefined {
  return spec?.engine && { service: spec.service, ports: spec.ports, version: spec.engine.version }
}

/** The service that runs an environment's database as an embedded engine. */
export function databaseEngine(desired: Desired): EnginePlace | undefined {
  return enginePlace(desired.services.find(({ name }) => name === desired.database?.service)?.spec)
}

/** Whether the data of an engine have been made. */
export async function isCreated(local: LocalContext, { service, version }: EnginePlace): Promise<boolean> {
  const folder = await findDataFolder({ ...local, service })
  return folder !== undefined && (await inspectCluster(folder, version)).created
}

/** How the engine's administrator gets in, under the name of a run. Failures: `admin-secret-missing`, `data-folder-missing`. */
export async function adminAddress(
  local: LocalContext,
  { service, version, ports }: EnginePlace,
  run: string,
  signal?: AbortSignal,
): Promise<Result<DatabaseAddress & { passwordFile: string }>> {
  const folder = await findDataFolder({ ...local, service })
  if (folder === undefined) return failed(noData(service))
  const password = await readAdminSecret(folder, version)
  if (!password.ok) return password
  return ok({
    host: '127.0.0.1',
    port: enginePort(ports),
    database: 'postgres',
    user: adminUser,
    password: password.value,
    passwordFile: adminFileOf(folder, version),
    applicationName: applicationName(run),
    ...(signal && { signal }),
  })
}

/** The folder of an engine's cluster. Failure `data-folder-missing`: nobody has made it. */
export async function clusterFolder(local: LocalContext, { service, version }: EnginePlace): Promise<Result<string>> {
  const folder = await findDataFolder({ ...local, service })
  return folder === undefined ? failed(noData(service)) : ok(dataFolderOf(folder, version))
}

/** An engine listens on its first port. */
export const enginePort = (ports: Record<string, number>): number => Object.values(ports)[0] ?? 5432

const noData = (service: string) => ({
  code: 'data-folder-missing',
  message: `${service} has no data folder`,
  service,
  next: ['task setup'],
  outcome: 'unchanged' as const,
})

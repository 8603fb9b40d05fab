import { observeDatabase } from '../../database/observe.ts'
import type { Desired } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { ObserveOptions, SecretSource } from '../../model/platform.ts'
import type { ObservedDatabase, ObservedService, PortConflict, Snapshot } from '../../model/snapshot.ts'
import { placeRelease } from '../../plan/ports.ts'
import { findProgram } from '../../system/programs.ts'
import { workingTreeBuilds } from './built.ts'
import type { LocalContext } from './context.ts'
import { adminAddress, databaseEngine, isCreated } from './database-access.ts'
import { observeExternal } from './external-database.ts'
import { blockedPorts, numbersOf } from './port-conflicts.ts'
import { contextsOf, observeSource } from './source.ts'
import { readLocalState } from './state.ts'
import { observedService, type ServiceRecord } from './supervisor/record.ts'

/** Looks at an environment, and changes nothing. Fails when the supervisor lives but cannot be reached, or a revision is unknown. */
export async function observeLocal(
  local: LocalContext,
  desired: Desired,
  secrets: SecretSource,
  { source, signal }: ObserveOptions,
): Promise<Result<Snapshot>> {
  const state = await readLocalState(local)
  if (!state.ok) return state
  const { records } = state.value
  const at = local.clock.wall()
  const [ports, database, files, releases, current, built] = await Promise.all([
    portsOf(desired, records),
    databaseOf(local, desired, records, secrets, signal),
    source ? observeSource(local.folder, contextsOf(desired), source) : undefined,
    local.releases.list(),
    local.releases.current(),
    workingTreeBuilds(local, desired),
  ])
  if (files && !files.ok) return files
  return ok({
    at: at.toISOString(),
    services: observedServices(records, at.getTime()),
    ports,
    ...(database && { database }),
    ...(files && { source: files.value }),
    releases: releases.map((release) => placeRelease(release, local.ports)),
    ...(current !== undefined && { current }),
    programs: programsOf(desired),
    built,
  })
}

/** Records as observed services, by name. */
export const observedServices = (records: ServiceRecord[], now: number): Record<string, ObservedService> =>
  Object.fromEntries(records.map((record) => [record.service, observedService(record, now)]))

/** Ports that the environment wants and somebody else has. */
async function portsOf(desired: Desired, records: ServiceRecord[]): Promise<PortConflict[]> {
  const specs = desired.services.flatMap(({ spec }) => spec ?? [])
  const taken = new Set([...specs, ...records].flatMap(numbersOf))
  const conflicts: PortConflict[] = []
  for (const spec of specs) {
    const record = records.find(({ service }) => service === spec.service)
    for (const { state: _, ...conflict } of await blockedPorts(spec, record, taken)) {
      conflicts.push(conflict)
      taken.add(conflict.free)
    }
  }
  return conflicts
}

/** The environment's database. A server that does not run is not asked. */
async function databaseOf(
  local: LocalContext,
  desired: Desired,
  records: ServiceRecord[],
  secrets: SecretSource,
  signal: AbortSignal,
): Promise<ObservedDatabase | undefined> {
  const { database } = desired
  if (database?.url !== undefined) return observeExternal(database, secrets, signal)
  const engine = databaseEngine(desired)
  if (!database || !engine) return undefined
  const created = await isCreated(local, engine)
  const password = secrets.find(database.password)
  const record = records.find(({ service, phase }) => service === engine.service && phase === 'up')
  if (!created || !password || !record) return { created, reachable: false }
  const admin = await adminAddress(local, { ...engine, ports: record.ports }, 'observe', signal)
  return observeDatabase({
    created,
    ...(admin.ok && { admin: admin.value }),
    wanted: { name: database.name, user: database.user, password },
  })
}

function programsOf(desired: Desired): Snapshot['programs'] {
  const required = desired.services.flatMap(({ configuration }) => configuration.local?.requires ?? [])
  return Object.fromEntries(required.map((program) => [program, findProgram(program)]))
}

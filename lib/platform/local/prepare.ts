import { join } from 'node:path'
import { type Engine, locateEngine } from '../../database/engine/postgres.ts'
import { type EngineProcess, engineProcess } from '../../database/engine/server.ts'
import type { RunSpec, Source } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'
import type { Probe, ProbeTarget } from '../../model/probe.ts'
import type { LocalContext } from './context.ts'
import { engineFolder } from './data-root.ts'
import { adminAddress, clusterFolder, type EnginePlace, enginePlace, enginePort, isCreated } from './database-access.ts'
import { releaseSourceFolder } from './paths.ts'
import type { StartRequest } from './supervisor/protocol.ts'
import { baseEnvironment, type Known, resolveVariables } from './values.ts'

/** The folder that holds a spec's files. */
export const sourceFolder = (local: LocalContext, source: Source): string =>
  source.kind === 'release' ? releaseSourceFolder(local.folder, local.environment, source.release) : local.folder

/** The probes of a service. An engine that names none is asked whether it answers queries. */
export const probesOf = (spec: RunSpec): Probe[] =>
  spec.health.probes.length === 0 && spec.engine
    ? [{ type: 'postgres', query: 'select 1' }]
    : (spec.health.probes as Probe[])

/** What the supervisor needs to know to run a service, apart from what the op says. */
export async function prepareStart(
  local: LocalContext,
  spec: RunSpec,
  secrets: SecretSource,
  signal: AbortSignal,
): Promise<Result<Omit<StartRequest, 'fingerprint'>>> {
  const target = await probeTarget(local, spec, secrets)
  if (!target.ok) return target
  const { service, ports, restart, oneShot, graceMs, source } = spec
  const common = {
    environment: local.environment,
    service,
    graceMs,
    restart,
    oneShot,
    ports,
    ...(source.kind === 'release' && { release: source.release }),
    ...(spec.engine && { engine: spec.engine.version }),
    health: { ...spec.health, probes: probesOf(spec) },
    target: target.value.target,
    secrets: target.value.secrets,
  }
  if (spec.engine) {
    const started = await engineStart(local, spec, signal)
    if (!started.ok) return started
    return ok({ ...common, ...started.value })
  }
  const [program, ...args] = spec.command ?? []
  if (program === undefined) return failed(nothingToRun(spec))
  return ok({
    ...common,
    argv: [program, ...args],
    cwd: target.value.target.directory,
    env: target.value.target.environment,
    stopSignal: spec.stopSignal,
    stopTarget: 'group',
  })
}

/** Where a service's probes look, with the values that they must not show. */
export async function probeTarget(
  local: LocalContext,
  spec: RunSpec,
  secrets: SecretSource,
): Promise<Result<{ target: ProbeTarget; secrets: string[] }>> {
  const known = await knownOf(local, spec)
  if (!known.ok) return known
  const resolved = resolveVariables(spec, secrets, known.value)
  if (!resolved.ok) return resolved
  const hidden = [...new Set([...resolved.value.secrets, ...local.hidden])]
  const common = {
    service: spec.service,
    host: '127.0.0.1',
    ports: spec.ports,
    directory: join(sourceFolder(local, spec.source), spec.directory),
    environment: { ...baseEnvironment(process.env), ...resolved.value.env },
    secrets: hidden,
  }
  if (!spec.engine) return ok({ target: common, secrets: hidden })
  // The server as such is asked, as its administrator: the service's own database may not have been made yet.
  const place = enginePlace(spec)
  if (!place || !(await isCreated(local, place))) return ok({ target: common, secrets: hidden })
  const admin = await adminAddress(local, place, 'probe')
  if (!admin.ok) return admin
  const { host, port, user, database } = admin.value
  const password = admin.value.password.reveal()
  const databaseUrl = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`
  const withOwn = [...hidden, password]
  return ok({ target: { ...common, databaseUrl, secrets: withOwn }, secrets: withOwn })
}

async function engineStart(local: LocalContext, spec: RunSpec, signal: AbortSignal): Promise<Result<EngineProcess>> {
  const located = await locate(local, spec.engine as NonNullable<RunSpec['engine']>, signal)
  if (!located.ok) return located
  const data = await clusterFolder(local, enginePlace(spec) as EnginePlace)
  if (!data.ok) return data
  return engineProcess(located.value, { dataFolder: data.value, port: enginePort(spec.ports) })
}

/** The engine that serves a service, found and made usable here. */
export function locate(
  local: LocalContext,
  { version, prefer }: Pick<NonNullable<RunSpec['engine']>, 'version' | 'prefer'>,
  signal: AbortSignal,
): Promise<Result<Engine>> {
  return locateEngine({
    version,
    prefer,
    workspaceFolder: local.folder,
    engineFolder: engineFolder(local.folder),
    signal,
  })
}

/** What a service's source is called. What stays from an older release keeps that one's name. */
async function knownOf(local: LocalContext, { source }: RunSpec): Promise<Result<Known>> {
  if (source.kind === 'working-tree') return ok({ release: 'working-tree', revision: 'working-tree' })
  const release = (await local.releases.list()).find(({ number }) => number === source.release)
  if (!release) return failed(noRecord(local, source.release))
  return ok({ release: String(release.number), revision: release.revision })
}

const noRecord = (local: LocalContext, release: number): Failure => ({
  code: 'no-such-release',
  message: `${local.environment} has no record of release ${release}, from which the service is to run`,
  next: [`task releases ${local.environment}`],
  outcome: 'unchanged',
})

const nothingToRun = ({ service }: RunSpec): Failure => ({
  code: 'service-has-no-command',
  message: `${service} has neither a command nor an engine`,
  service,
  outcome: 'unchanged',
})

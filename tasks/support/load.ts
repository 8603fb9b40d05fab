import { join } from 'node:path'
import { readMigrations, readSeeds } from '../../lib/database/files.ts'
import { KnownFiles, knownFilesPath } from '../../lib/database/known-files.ts'
import { placeText } from '../../lib/log/failure-text.ts'
import { findingText } from '../../lib/log/plan-text.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, ok, type Result, unwrap } from '../../lib/model/failure.ts'
import type { OpOf } from '../../lib/model/op.ts'
import type { Platform, SecretSource } from '../../lib/model/platform.ts'
import type { Probe, ProbeTarget } from '../../lib/model/probe.ts'
import type { Release } from '../../lib/model/release.ts'
import type { Secret } from '../../lib/model/secret.ts'
import type { ServiceState } from '../../lib/model/snapshot.ts'
import { type PortAssignments, placePorts, placeRelease } from '../../lib/plan/ports.ts'
import { recordedEnvironment } from '../../lib/plan/recorded.ts'
import { type Selection, selected, withDependencies } from '../../lib/plan/services.ts'
import { createLocalPlatform } from '../../lib/platform/local/index.ts'
import { readPorts, writePorts } from '../../lib/platform/local/ports-store.ts'
import { localReleases } from '../../lib/platform/local/releases.ts'
import { type EnvironmentLoad, loadEnvironment } from '../../lib/system/load-environment.ts'
import { openKeyring } from '../../lib/system/secrets/keyring.ts'
import { readWorkspaceTexts } from '../../lib/system/workspace-files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { identityIn } from '../../lib/validate/identity.ts'

/** What a command needs of the workspace. */
export type SessionNeeds = {
  environment: string
  platform?: PlatformName | undefined
  /** The folder whose configuration and database files count, where that is not the working tree (a deploy of another revision). */
  files?: string
  /**
   * `environment`: the catalogue, free of mistakes that concern it. `planned`: also with the `.env` file as it is about to be written. `record`: where
   * the catalogue is broken, the current release's record does: mistakes are warnings then.
   */
  needs: 'environment' | 'planned' | 'record'
  /**
   * Takes free ports where those of what is to be started are in use: of the catalogue, or of the current release where there is one. They
   * are remembered when the plan runs.
   */
  resolvePorts?: { of: 'catalogue' | 'current-release'; selection?: Selection }
}

/** What a session is made of. */
export type Loaded = {
  desired: Desired
  platform: Platform
  secrets: SecretSource
  redactable: Secret[]
  warnings: string[]
  /** The files of values, relative to the workspace, where values come from files alone; undefined where they also come from elsewhere, or from no catalogue. */
  valueFiles?: string[]
  writeEnv?: OpOf<'write-env'>['data']
  keepSecrets(): Promise<void>
  /** What a service's probes look for and where, as it runs: by the current release where it runs one, on the ports that it has. */
  probesOf(service: string, states: ServiceState[]): Promise<{ probes: Probe[]; target: ProbeTarget }>
}

/** Loads an environment, from the catalogue or from its current release's record. Throws all failures at once. */
export async function loadSession(folder: string, needs: SessionNeeds, context: TaskContext): Promise<Loaded> {
  const { name, platform, configuredAs } = await identityOf(folder, needs)
  // What its values lack is of no use to know before.
  if (platform !== undefined && platform !== 'local')
    throw new FailureError(otherPlatform({ environment: name, platform, configuredAs }))
  const ports = await readPorts(folder, name)
  const loaded = await fromCatalogue(folder, needs, ports, context)
  if (loaded.ok) {
    const first = withPlatform(folder, loaded.value, ports)
    return needs.resolvePorts ? withFreePorts(folder, needs, first, ports, context) : first
  }
  if (needs.needs !== 'record') throw new FailureError(...loaded.failures)
  const recorded = await fromRecord(folder, name, ports)
  if (!recorded) {
    // Nothing was ever released: the catalogue without the values that could not be read is enough to look and to stop.
    const lenient = await fromCatalogue(folder, needs, ports, context, 'warn')
    if (lenient.ok) return withPlatform(folder, lenient.value, ports)
    throw new FailureError(...loaded.failures)
  }
  const warnings = loaded.failures.map(
    ({ message, place }) => `${message}${place ? ` (${placeText(place, folder)})` : ''}`,
  )
  const said = { ...recorded, warnings: [...warnings, 'going by the record of the current release'] }
  return withPlatform(folder, said, ports)
}

/** The same environment with free ports in the place of those that somebody else has. */
async function withFreePorts(
  folder: string,
  needs: SessionNeeds,
  loaded: Loaded,
  ports: PortAssignments,
  context: TaskContext,
): Promise<Loaded> {
  const { desired, platform } = loaded
  const { of, selection = {} } = needs.resolvePorts ?? { of: 'catalogue' }
  const record = of === 'current-release' ? await currentRelease(folder, desired.environment) : undefined
  const released = record && recordedEnvironment(placeRelease(record, ports), folder)
  // The other services of the catalogue are not started, and their ports are no free ones.
  const others = desired.services.filter(({ name }) => !released?.services.some((service) => service.name === name))
  const started = released ? { ...released, services: [...released.services, ...others] } : desired
  const wanted = startedBy(released ?? desired, desired, selection)
  const snapshot = unwrap(await platform.observe(started, { signal: context.signal }))
  const conflicts = snapshot.ports.filter(({ service, free }) => wanted.has(service) && free !== 0)
  if (conflicts.length === 0) return loaded
  const taken: PortAssignments = structuredClone(ports)
  for (const { service, name, port, free } of conflicts) {
    taken[service] = { ...taken[service], [name]: free }
    context.log(`${service} takes port ${free}: ${port} is in use`)
  }
  const again = withPlatform(folder, unwrap(await fromCatalogue(folder, needs, taken, context)), taken)
  return {
    ...again,
    keepSecrets: async () => {
      await writePorts(folder, desired.environment, taken)
      await again.keepSecrets()
    },
  }
}

/** The services that a command starts: those it names (in the words of the catalogue), and what they depend on. */
function startedBy(started: Desired, catalogue: Desired, selection: Selection): Set<string> {
  const targets = started.services.map(({ name, dependencies, fingerprint }) => ({
    service: name,
    dependencies,
    fingerprint,
  }))
  return withDependencies(targets, selected(catalogue, selection))
}

type Environment = Omit<Loaded, 'platform' | 'probesOf'>

async function fromCatalogue(
  folder: string,
  needs: SessionNeeds,
  ports: PortAssignments,
  context: TaskContext,
  unreadValues: 'fail' | 'warn' = 'fail',
): Promise<Result<Environment>> {
  const loaded = await loadEnvironment(folder, needs.environment, {
    platform: needs.platform,
    unreadValues,
    // What only looks is not kept from it by values that nobody has set yet.
    envFile: needs.needs === 'environment' ? 'present' : 'planned',
    ports,
    ...(needs.files === undefined ? {} : { files: needs.files }),
    readDatabaseFiles: async (paths) => {
      const root = needs.files ?? folder
      const [migrations, seeds] = await Promise.all([
        readMigrations(root, paths.migrations, await KnownFiles.read(knownFilesPath(folder))),
        readSeeds(root, paths.seeds),
      ])
      if (!migrations.ok) return migrations
      if (!seeds.ok) return seeds
      return ok({ migrations: migrations.value, seeds: seeds.value })
    },
    env: context.invocation.env,
    signal: context.signal,
  })
  return loaded.ok ? ok(environmentOf(loaded.value, context)) : loaded
}

/** The name of the environment's state (`production@local` for a rehearsal), and its platform. Needs no more of the catalogue than that. */
async function identityOf(folder: string, { environment, platform }: SessionNeeds) {
  const texts = await readWorkspaceTexts(folder)
  const configured = texts.ok ? identityIn(texts.value, environment).platform : undefined
  const isRehearsal = platform !== undefined && configured !== undefined && platform !== configured
  const name = isRehearsal ? `${environment}@${platform}` : environment
  return { name, platform: platform ?? configured, configuredAs: environment }
}

const environmentOf = (loaded: EnvironmentLoad, { invocation }: TaskContext): Environment => ({
  desired: loaded.desired,
  secrets: loaded.secrets,
  redactable: loaded.redactable,
  warnings: loaded.warnings.map((finding) => findingText(finding, invocation.color)),
  ...(loaded.valueFiles ? { valueFiles: loaded.valueFiles } : {}),
  ...(loaded.writeEnv ? { writeEnv: loaded.writeEnv } : {}),
  keepSecrets: async () => unwrap(await loaded.keep()),
})

/** From the record of the environment's current release; undefined where there is none. */
async function fromRecord(folder: string, name: string, ports: PortAssignments): Promise<Environment | undefined> {
  const release = await currentRelease(folder, name)
  const keyring = await openKeyring(join(folder, '.ops/secrets'))
  if (!release || !keyring.ok) return undefined
  return {
    desired: recordedEnvironment(placeRelease(release, ports), folder),
    secrets: keyring.value,
    redactable: keyring.value.all(),
    warnings: [],
    keepSecrets: async () => {},
  }
}

async function currentRelease(folder: string, name: string): Promise<Release | undefined> {
  const releases = localReleases(join(folder, '.ops'), name)
  const current = await releases.current()
  return (await releases.list()).find(({ number }) => number === current)
}

function withPlatform(folder: string, environment: Environment, ports: PortAssignments): Loaded {
  const { desired } = environment
  if (desired.platform !== 'local') throw new FailureError(otherPlatform(desired))
  const platform = createLocalPlatform({
    folder,
    workspaceId: desired.workspace.id,
    workspaceName: desired.workspace.name,
    environment: desired.environment,
    secrets: environment.secrets,
    redactable: environment.redactable,
    ports,
    ...(desired.database ? { database: desired.database } : {}),
  })
  return {
    ...environment,
    platform,
    probesOf: async (service, states) => {
      const runsRelease = states.find((state) => state.service === service)?.release !== undefined
      const record = runsRelease ? await currentRelease(folder, desired.environment) : undefined
      const spec =
        record?.services.find((released) => released.service === service)?.spec ??
        desired.services.find(({ name }) => name === service)?.spec
      if (!spec) throw new Error(`${service} has no spec`)
      const running = Object.fromEntries(states.map((state) => [state.service, state.ports]))
      const placed = placePorts(spec, { ...ports, ...running })
      return { probes: placed.health.probes, target: unwrap(await platform.probeTarget(placed)).target }
    },
  }
}

/** The failure of an environment whose platform this version does not drive. */
const otherPlatform = ({
  environment,
  platform,
  configuredAs,
}: Pick<Desired, 'environment' | 'platform' | 'configuredAs'>): Failure => ({
  code: 'platform-not-driven',
  message: `${environment} runs on ${platform}, which this version does not drive yet`,
  outcome: 'unchanged',
  next: [`task deploy ${configuredAs} --platform local   # a rehearsal on this machine`],
})

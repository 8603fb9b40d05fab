import { join } from 'node:path'
import { readMigrations, readSeeds } from '../../lib/database/files.ts'
import { KnownFiles, knownFilesPath } from '../../lib/database/known-files.ts'
import { placeText } from '../../lib/log/failure-text.ts'
import { unlabelledText } from '../../lib/log/plan-text.ts'
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
import { readPorts, writePorts } from '../../lib/platform/local/ports-store.ts'
import { exists } from '../../lib/system/files.ts'
import { type EnvironmentLoad, loadEnvironment } from '../../lib/system/load-environment.ts'
import { openKeyring } from '../../lib/system/secrets/keyring.ts'
import { readWorkspaceTexts } from '../../lib/system/workspace-files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { type Identity, identityIn } from '../../lib/validate/identity.ts'
import { driverOf, type SharedKey } from './platforms.ts'

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
  /** What else of the workspace its catalogue was made from, relative to it. */
  lookedAt?: string[]
  writeEnv?: OpOf<'write-env'>['data']
  keepSecrets(): Promise<void>
  /** What a service's probes look for and where, as it runs: by the current release where it runs one, on the ports that it has. */
  probesOf(service: string, states: ServiceState[]): Promise<{ probes: Probe[]; target: ProbeTarget }>
}

/** Loads an environment, from the catalogue or from its current release's record. Throws all failures at once. */
export async function loadSession(folder: string, needs: SessionNeeds, context: TaskContext): Promise<Loaded> {
  const place = await placeOf(folder, needs)
  const { environment: name, platform } = place
  // What its values lack is of no use to know before.
  if (!driverOf(platform)) throw new FailureError(otherPlatform(place))
  const [ports, keyring] = await Promise.all([readPorts(folder, name), keyringOf(place)])
  const loaded = await fromCatalogue(folder, needs, ports, context, keyring)
  if (loaded.ok) {
    const first = withPlatform(place, loaded.value, ports)
    return needs.resolvePorts ? withFreePorts(place, needs, first, ports, context) : first
  }
  if (needs.needs !== 'record') throw new FailureError(...loaded.failures)
  const recorded = await fromRecord(place, ports)
  if (!recorded) {
    // Nothing was ever released: the catalogue without the values that could not be read is enough to look and to stop.
    const lenient = await fromCatalogue(folder, needs, ports, context, keyring, 'warn')
    if (lenient.ok) return withPlatform(place, lenient.value, ports)
    throw new FailureError(...loaded.failures)
  }
  const warnings = loaded.failures.map(
    ({ message, place }) => `${message}${place ? ` (${placeText(place, folder)})` : ''}`,
  )
  const said = { ...recorded, warnings: [...warnings, 'going by the record of the current release'] }
  return withPlatform(place, said, ports)
}

/** The same environment with free ports in the place of those that somebody else has. */
async function withFreePorts(
  place: EnvironmentPlace,
  needs: SessionNeeds,
  loaded: Loaded,
  ports: PortAssignments,
  context: TaskContext,
): Promise<Loaded> {
  const { folder } = place
  const { desired, platform } = loaded
  const { of, selection = {} } = needs.resolvePorts ?? { of: 'catalogue' }
  const record = of === 'current-release' ? await currentRelease(place) : undefined
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
  const again = withPlatform(
    place,
    unwrap(await fromCatalogue(folder, needs, taken, context, await keyringOf(place))),
    taken,
  )
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
  keyring: KeyringPlace,
  unreadValues: 'fail' | 'warn' = 'fail',
): Promise<Result<Environment>> {
  const loaded = await loadEnvironment(folder, needs.environment, {
    platform: needs.platform,
    unreadValues,
    keyringFolder: keyring.folder,
    ...(keyring.key === undefined ? {} : { sharedKey: keyring.key }),
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
  return loaded.ok ? ok(environmentOf(loaded.value, keyring)) : loaded
}

/** Where an environment's state is: known before its catalogue is read, and without it. */
type EnvironmentPlace = {
  folder: string
  /** `production@local` for a rehearsal. */
  environment: string
  configuredAs: string
  platform: PlatformName
  identity: Identity
}

/** Needs no more of the catalogue than a name and a platform. */
async function placeOf(folder: string, { environment, platform }: SessionNeeds): Promise<EnvironmentPlace> {
  const texts = await readWorkspaceTexts(folder)
  const identity = texts.ok ? identityIn(texts.value, environment) : { environments: [] }
  const configured = identity.platform
  const isRehearsal = platform !== undefined && configured !== undefined && platform !== configured
  const name = isRehearsal ? `${environment}@${platform}` : environment
  return { folder, environment: name, platform: platform ?? configured ?? 'local', configuredAs: environment, identity }
}

/** Where the key of digests and the kept values are, and the key that other clones have left where the platform is, for a folder that has none. */
type KeyringPlace = { folder: string; key?: string; shared?: SharedKey }

async function keyringOf({ folder, environment, platform, identity }: EnvironmentPlace): Promise<KeyringPlace> {
  const shared = driverOf(platform)?.sharedKey?.(environment, identity)
  if (!shared) return { folder: join(folder, '.ops/secrets') }
  // Environments that clones share have a key each.
  const own = join(folder, '.ops/secrets', environment)
  const key = (await exists(join(own, 'key'))) ? undefined : await shared.read()
  return { folder: own, shared, ...(key === undefined ? {} : { key }) }
}

const environmentOf = (loaded: EnvironmentLoad, keyring: KeyringPlace): Environment => ({
  desired: loaded.desired,
  secrets: loaded.secrets,
  redactable: loaded.redactable,
  warnings: loaded.warnings.map(unlabelledText),
  ...(loaded.valueFiles ? { valueFiles: loaded.valueFiles } : {}),
  lookedAt: loaded.lookedAt,
  ...(loaded.writeEnv ? { writeEnv: loaded.writeEnv } : {}),
  keepSecrets: async () => {
    unwrap(await loaded.keep())
    await keyring.shared?.share(loaded.keyring.key())
  },
})

/** From the record of the environment's current release; undefined where there is none. */
async function fromRecord(place: EnvironmentPlace, ports: PortAssignments): Promise<Environment | undefined> {
  const { folder } = place
  const release = await currentRelease(place)
  const own = await keyringOf(place)
  const keyring = await openKeyring(own.folder, own.key)
  if (!release || !keyring.ok) return undefined
  const desired = recordedEnvironment(placeRelease(release, ports), folder)
  const { kubernetes } = place.identity
  return {
    // Which cluster, only the environment's file says.
    desired: kubernetes ? { ...desired, configuration: { ...desired.configuration, kubernetes } } : desired,
    secrets: keyring.value,
    redactable: keyring.value.all(),
    warnings: [],
    keepSecrets: async () => {},
  }
}

async function currentRelease(place: EnvironmentPlace): Promise<Release | undefined> {
  const { folder, environment, platform, identity } = place
  const releases = driverOf(platform)?.records(folder, environment, identity)
  const [current, all] = await Promise.all([releases?.current(), releases?.list()])
  return current === undefined ? undefined : all?.find(({ number }) => number === current)
}

function withPlatform(place: EnvironmentPlace, environment: Environment, ports: PortAssignments): Loaded {
  const { folder } = place
  const { desired, secrets, redactable } = environment
  const driver = driverOf(desired.platform)
  if (!driver) throw new FailureError(otherPlatform(desired))
  const platform = driver.create({ folder, desired, secrets, redactable, ports })
  return {
    ...environment,
    platform,
    probesOf: async (service, states) => {
      const runsRelease = states.find((state) => state.service === service)?.release !== undefined
      const record = runsRelease ? await currentRelease(place) : undefined
      const spec =
        record?.services.find((released) => released.service === service)?.spec ??
        desired.services.find(({ name }) => name === service)?.spec
      if (!spec) throw new Error(`${service} has no spec`)
      const running = Object.fromEntries(states.map((state) => [state.service, state.ports]))
      // Containers have their own ports everywhere; a host's are where they were given to it.
      const placed = spec.docker ? spec : placePorts(spec, { ...ports, ...running })
      // A cluster probes its pods itself, and nobody reaches them from here.
      return {
        probes: spec.kubernetes ? [] : placed.health.probes,
        target: unwrap(await platform.probeTarget(placed)).target,
      }
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

import { join } from 'node:path'
import { readMigrations, readSeeds } from '../../lib/database/files.ts'
import { placeText } from '../../lib/log/failure-text.ts'
import { findingText } from '../../lib/log/plan-text.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, ok, type Result, unwrap } from '../../lib/model/failure.ts'
import type { OpOf } from '../../lib/model/op.ts'
import type { Platform, SecretSource } from '../../lib/model/platform.ts'
import type { ProbeTarget } from '../../lib/model/probe.ts'
import type { Secret } from '../../lib/model/secret.ts'
import { recordedEnvironment } from '../../lib/plan/recorded.ts'
import { createLocalPlatform } from '../../lib/platform/local/index.ts'
import { type PortAssignments, readPorts, writePorts } from '../../lib/platform/local/ports-store.ts'
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
  /** Takes free ports where the configured ones are in use; they are remembered when the plan runs. */
  resolvePorts?: boolean
}

/** What a session is made of. */
export type Loaded = {
  desired: Desired
  platform: Platform
  secrets: SecretSource
  redactable: Secret[]
  warnings: string[]
  writeEnv?: OpOf<'write-env'>['data']
  keepSecrets(): Promise<void>
  probeTarget(service: string): Promise<ProbeTarget>
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
    const first = withPlatform(folder, loaded.value)
    return needs.resolvePorts ? withFreePorts(folder, needs, first, ports, context) : first
  }
  const recorded = needs.needs === 'record' ? await fromRecord(folder, name) : undefined
  if (!recorded) throw new FailureError(...loaded.failures)
  const warnings = loaded.failures.map(
    ({ message, place }) => `${message}${place ? ` (${placeText(place, folder)})` : ''}`,
  )
  return withPlatform(folder, { ...recorded, warnings: [...warnings, 'going by the record of the current release'] })
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
  const snapshot = unwrap(await platform.observe(desired, { signal: context.signal }))
  if (snapshot.ports.length === 0) return loaded
  const taken: PortAssignments = structuredClone(ports)
  for (const { service, name, port, free } of snapshot.ports) {
    taken[service] = { ...taken[service], [name]: free }
    context.log(`${service} takes port ${free}: ${port} is in use`)
  }
  const again = withPlatform(folder, unwrap(await fromCatalogue(folder, needs, taken, context)))
  return {
    ...again,
    keepSecrets: async () => {
      await writePorts(folder, desired.environment, taken)
      await again.keepSecrets()
    },
  }
}

type Environment = Omit<Loaded, 'platform' | 'probeTarget'>

async function fromCatalogue(
  folder: string,
  needs: SessionNeeds,
  ports: PortAssignments,
  context: TaskContext,
): Promise<Result<Environment>> {
  const loaded = await loadEnvironment(folder, needs.environment, {
    platform: needs.platform,
    // What only looks is not kept from it by values that nobody has set yet.
    envFile: needs.needs === 'environment' ? 'present' : 'planned',
    ports,
    ...(needs.files === undefined ? {} : { files: needs.files }),
    readDatabaseFiles: async (paths) => {
      const root = needs.files ?? folder
      const [migrations, seeds] = await Promise.all([
        readMigrations(root, paths.migrations),
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
  ...(loaded.writeEnv ? { writeEnv: loaded.writeEnv } : {}),
  keepSecrets: async () => unwrap(await loaded.keep()),
})

/** From the record of the environment's current release; undefined where there is none. */
async function fromRecord(folder: string, name: string): Promise<Environment | undefined> {
  const releases = localReleases(join(folder, '.ops'), name)
  const current = await releases.current()
  const release = (await releases.list()).find(({ number }) => number === current)
  const keyring = await openKeyring(join(folder, '.ops/secrets'))
  if (!release || !keyring.ok) return undefined
  return {
    desired: recordedEnvironment(release, folder),
    secrets: keyring.value,
    redactable: keyring.value.all(),
    warnings: [],
    keepSecrets: async () => {},
  }
}

function withPlatform(folder: string, environment: Environment): Loaded {
  const { desired } = environment
  if (desired.platform !== 'local') throw new FailureError(otherPlatform(desired))
  const platform = createLocalPlatform({
    folder,
    workspaceId: desired.workspace.id,
    environment: desired.environment,
    secrets: environment.secrets,
    redactable: environment.redactable,
  })
  return {
    ...environment,
    platform,
    probeTarget: async (service) => {
      const spec = desired.services.find(({ name }) => name === service)?.spec
      if (!spec) throw new Error(`${service} has no spec`)
      return unwrap(await platform.probeTarget(spec)).target
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

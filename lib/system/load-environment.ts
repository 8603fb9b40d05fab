import { join } from 'node:path'
import type { Desired, MigrationFile, SeedFile, Value } from '../model/desired.ts'
import type { PlatformName, SecretProvider } from '../model/environment.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import type { SecretSource } from '../model/platform.ts'
import type { Secret, SecretReference } from '../model/secret.ts'
import { checkValues } from '../validate/check-values.ts'
import { type ConfigurationFailure, inOrderOfPlace } from '../validate/concern.ts'
import { configurationPaths, type LoadedEnvironment, type Workspace } from '../validate/files.ts'
import { asWarning, partByNeed } from '../validate/relevance.ts'
import { type ResolveOptions, tryResolve } from '../validate/resolve.ts'
import { loadWorkspace } from '../validate/workspace.ts'
import { composePaths, readComposeFiles } from './compose-files.ts'
import { planEnvironmentFile, type WriteEnv } from './env-file.ts'
import { findProgram } from './programs.ts'
import { type ProvidedValues, readSecrets } from './secrets/index.ts'
import { type Keyring, openKeyring } from './secrets/keyring.ts'
import { existsIn, readWorkspaceTexts, withAbsolutePlace } from './workspace-files.ts'

/** What `loadEnvironment` may be told. */
export type LoadEnvironmentOptions = {
  /** `--platform`; `local` for an environment of another platform is a rehearsal. */
  platform?: PlatformName | undefined
  /** Ports that were assigned in place of the configured ones, by service and port name. */
  ports?: Record<string, Record<string, number>>
  /**
   * `planned`: with the `.env` file as its op will write it (setup; the first deploy of a rehearsal). `present`, the default: as it is.
   */
  envFile?: 'planned' | 'present'
  /**
   * The folder whose configuration counts, when that is not the working tree: a deploy of another revision. Values, secrets and
   * ports stay the workspace's own.
   */
  files?: string
  /** Reads migrations and seeds from folders relative to the workspace. */
  readDatabaseFiles?: (paths: {
    migrations: string
    seeds: string
  }) => Promise<Result<{ migrations: MigrationFile[]; seeds: SeedFile[] }>>
  /** Values that could not be read are warnings, and are taken to be there: for what looks or stops. */
  unreadValues?: 'fail' | 'warn'
  /** The process's environment: for the `process` provider, and PATH. */
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal
  /** Default `.ops/secrets` of the workspace. */
  keyringFolder?: string
  /** The key of a keyring that has none yet; see `openKeyring`. */
  sharedKey?: string
}

/** An environment, ready to be planned. */
export type EnvironmentLoad = {
  workspace: Workspace
  desired: Desired
  /** Today's values and the kept ones of earlier releases. */
  secrets: SecretSource
  /** Everything that output must not show. */
  redactable: Secret[]
  /** Also mistakes of the workspace that do not concern this environment. */
  warnings: Finding[]
  /** The op that writes the `.env` file, when `planned` and something is missing. */
  writeEnv?: WriteEnv
  keyring: Keyring
  /** The files of values, relative to the workspace, where values come from files alone. */
  valueFiles?: string[]
  /** What else of the workspace was looked at, relative to it: what Compose files there are and what they mount, and paths that the configuration names. */
  lookedAt: string[]
  /** Keeps the key and all values that the services refer to. Call it under the lock, before the first changing op. */
  keep(): Promise<Result<void>>
}

/**
 * Reads a workspace, checks it, and resolves one environment of it. Mistakes that the environment needs mended are failures, all at once;
 * others are warnings. A rehearsal reads its own generated file only, never the environment's providers. Writes nothing.
 */
export async function loadEnvironment(
  folder: string,
  name: string,
  options: LoadEnvironmentOptions = {},
): Promise<Result<EnvironmentLoad>> {
  const { env = process.env, signal = new AbortController().signal } = options
  const files = options.files ?? folder
  const texts = await readWorkspaceTexts(files)
  if (!texts.ok) return texts
  const lookedAt = new Set<string>()
  const exists = existsIn(files)
  const { workspace, failures } = loadWorkspace(texts.value, {
    exists: (path) => {
      lookedAt.add(path)
      return exists(path)
    },
  })
  if (!workspace) return fail(failures, files)
  const environment = workspace.environments.get(name)
  const platform = options.platform ?? environment?.configuration.platform ?? 'local'
  const { errors, others } = partByNeed(failures, workspace, { environment: name, platform })
  if (!environment) {
    const broken = workspace.names.environments.includes(name)
    return fail(broken ? errors : tryResolve(workspace, name, nothingKnown(folder)).failures, files)
  }

  const keyring = await openKeyring(options.keyringFolder ?? join(folder, '.ops/secrets'), options.sharedKey)
  if (!keyring.ok) return keyring
  const rehearsal = platform !== environment.configuration.platform
  const planned = options.envFile === 'planned'
  const values = await valuesOf(folder, environment, { rehearsal, planned, env, signal })
  const [database, compose] = await Promise.all([
    databaseFiles(environment, options),
    platform === 'docker' ? readComposeFiles(files, workspace) : undefined,
  ])
  const lenient = options.unreadValues === 'warn'
  const unreadValues = values.ok ? [] : values.failures
  const unread = [...(lenient ? [] : unreadValues), ...(database.ok ? [] : database.failures)]
  const { resolution, failures: unresolved } = tryResolve(workspace, name, {
    folder,
    values: values.ok ? values.value.values : new Map(),
    // Values that could not be read are no reason to complain of each reference to them.
    ...(!values.ok && { assume: 'all' as const }),
    digest: keyring.value.digest,
    programs: programsOf(workspace, env),
    ...(options.platform && { platform: options.platform }),
    ...(options.ports && { ports: options.ports }),
    ...(compose && { compose }),
    ...(database.ok && database.value),
  })
  if (!resolution || errors.length + unresolved.length + unread.length > 0) {
    return fail([...errors, ...unresolved], files, unread)
  }

  const { desired, secrets: current } = resolution
  const byDigest = new Map(current.map((secret) => [keyring.value.digest(secret).digest, secret]))
  return ok({
    workspace,
    desired,
    secrets: { find: (reference) => byDigest.get(reference.digest) ?? keyring.value.find(reference) },
    redactable: [...current, ...keyring.value.all()],
    warnings: [
      ...(lenient ? unreadValues.map((failure) => asWarning({ ...failure, concern: {} })) : []),
      ...resolution.warnings,
      ...[...others, ...checkValues(workspace, { except: name })].map(asWarning),
    ],
    ...(values.ok && values.value.writeEnv && { writeEnv: values.value.writeEnv }),
    keyring: keyring.value,
    ...valueFilesOf(environment, rehearsal),
    lookedAt: [...lookedAt, ...(compose ? composePaths(workspace, compose) : [])],
    keep: () => keyring.value.keep(referencesOf(desired).flatMap(({ digest }) => byDigest.get(digest) ?? [])),
  })
}

const nothingKnown = (folder: string): ResolveOptions => ({
  folder,
  values: new Map(),
  digest: ({ name }) => ({ secret: name, digest: '' }),
})

function fail(
  failures: readonly ConfigurationFailure[],
  folder: string,
  others: readonly Failure[] = [],
): Result<never> {
  const all = [...others, ...inOrderOfPlace(failures).map((failure) => withAbsolutePlace(failure, folder))]
  return failed(...(all as [Failure, ...Failure[]]))
}

type PlannedValues = { values: ProvidedValues; writeEnv?: WriteEnv }

async function valuesOf(
  folder: string,
  { name, configuration }: LoadedEnvironment,
  options: { rehearsal: boolean; planned: boolean; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Result<PlannedValues>> {
  const fullName = options.rehearsal ? `${name}@local` : name
  const own = configurationPaths.values(fullName)
  const ownFile: SecretProvider = { type: 'file', path: own }
  const providers = options.rehearsal ? [ownFile] : (configuration.secrets ?? [ownFile])
  const context = { folder, env: options.env, signal: options.signal }
  if (!providers.some((provider) => provider.type === 'file' && provider.path === own)) {
    const values = await readSecrets(providers, context)
    return values.ok ? ok({ values: values.value }) : values
  }
  // The environment's own file may be missing, and may be about to be written.
  const file = await planEnvironmentFile(folder, { fullName, configuredAs: name })
  const read = file.ok ? file.value[options.planned ? 'values' : 'present'] : new Map<string, Secret>()
  const values = await readSecrets(providers, { ...context, files: new Map([[own, read]]) })
  if (!file.ok || !values.ok) {
    return failed(...([...failuresOf(file), ...failuresOf(values)] as [Failure, ...Failure[]]))
  }
  const { writeEnv } = file.value
  return ok({ values: values.value, ...(options.planned && writeEnv && { writeEnv }) })
}

function valueFilesOf({ name, configuration }: LoadedEnvironment, rehearsal: boolean): { valueFiles?: string[] } {
  const own = configurationPaths.values(rehearsal ? `${name}@local` : name)
  const providers = (rehearsal ? undefined : configuration.secrets) ?? [{ type: 'file' as const, path: own }]
  const files = providers.flatMap((provider) => (provider.type === 'file' ? [provider.path] : []))
  return files.length === providers.length ? { valueFiles: files } : {}
}

const failuresOf = (result: Result<unknown>): Failure[] => (result.ok ? [] : result.failures)

async function databaseFiles(
  environment: LoadedEnvironment,
  { readDatabaseFiles }: LoadEnvironmentOptions,
): Promise<Result<{ migrations?: MigrationFile[]; seeds?: SeedFile[] }>> {
  const { database } = environment.configuration
  if (!database || !readDatabaseFiles) return ok({})
  const seeds = database.seeds ?? `database/seeds/${environment.name}`
  return readDatabaseFiles({ migrations: database.migrations, seeds })
}

/** Where the programs are that services require. */
function programsOf({ services }: Workspace, env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const required = [...services.values()].flatMap(({ configuration }) => configuration.local?.requires ?? [])
  return Object.fromEntries(required.map((program) => [program, findProgram(program, env)]))
}

/** Every secret that the services or the database refer to. */
function referencesOf({ services, database }: Desired): SecretReference[] {
  const inValue = (value: Value) =>
    typeof value === 'string'
      ? []
      : value.filter((part): part is SecretReference => typeof part === 'object' && 'secret' in part)
  return [
    ...services.flatMap(({ spec }) => [
      ...Object.values({ ...spec?.docker?.variables, ...spec?.environment }).flatMap(inValue),
      ...(spec?.database ? [spec.database.password] : []),
    ]),
    ...(database ? [database.password, ...inValue(database.url ?? '')] : []),
  ]
}

import type { BackupTarget } from '../model/backup.ts'
import type { SourceSecrets } from '../model/backup-sources.ts'
import type { Desired, DesiredDatabase, DesiredService, MigrationFile, SeedFile } from '../model/desired.ts'
import { parseDuration } from '../model/duration.ts'
import type { EnvironmentConfiguration, PlatformName } from '../model/environment.ts'
import { failed, ok, type Result } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import { nearest } from '../model/nearest.ts'
import { Secret, type SecretReference } from '../model/secret.ts'
import { checkPortConflicts, checkRequired } from './checks.ts'
import type { ComposeFile } from './compose/file.ts'
import { type ConfigurationFailure, inOrderOfPlace } from './concern.ts'
import { inDependencyOrder } from './dependency-graph.ts'
import { type LoadedEnvironment, nearestAs, type Workspace } from './files.ts'
import { framesOf } from './frames.ts'
import { assertLoopbackOnly } from './loopback.ts'
import { type Origin, type ResolveContext, secretNamesOf } from './resolve-context.ts'
import { requireSecret, resolveService } from './resolve-service.ts'

/** What resolution is given besides the files. */
export type ResolveOptions = {
  /** The workspace's absolute path. */
  folder: string
  /** `local` for an environment of another platform is a rehearsal. */
  platform?: PlatformName
  /** What the providers gave, by name: the first provider's value of each. A `Secret` is one whatever its name; a text is one if its name says so. */
  values: ReadonlyMap<string, Secret | string>
  /** A secret's reference, under the platform's key. */
  digest(secret: Secret): SecretReference
  /** Ports that were assigned in place of the configured ones, by service and port name. */
  ports?: Record<string, Record<string, number>>
  /** Where programs are that services require; without it, all are taken to be there. */
  programs?: Record<string, string | undefined>
  /** The Compose files of services, by service; without it, nothing is known of containers. */
  compose?: Record<string, ComposeFile>
  migrations?: MigrationFile[]
  seeds?: SeedFile[]
  /** The providers were not asked: the names in `values`, or all names, are taken to have a value, also where it is empty. */
  assume?: 'known' | 'all'
}

/** A resolved environment. */
export type Resolution = {
  desired: Desired
  warnings: Finding[]
  /** Where each value is written: `api.environment.DATABASE_URL`. */
  origins: ReadonlyMap<string, Origin>
  /** Every secret that has a value, wherever the value is from. */
  secrets: Secret[]
}

/**
 * What an environment should be, with every reference resolved and secrets as references. All mistakes are returned at once. A rehearsal is
 * also checked to reach this machine only (`not-loopback`). Pure: the same input gives the same result.
 */
export function resolveEnvironment(workspace: Workspace, name: string, options: ResolveOptions): Result<Resolution> {
  const { resolution, failures } = tryResolve(workspace, name, options)
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return ok(resolution as Resolution)
}

/** Like `resolveEnvironment`, but also gives what could be resolved when there are failures. */
export function tryResolve(
  workspace: Workspace,
  name: string,
  options: ResolveOptions,
): { resolution?: Resolution; failures: ConfigurationFailure[] } {
  const environment = workspace.environments.get(name)
  const unusable = environment ? wrongPlatform(environment, options.platform) : unknownEnvironment(workspace, name)
  if (!environment || unusable) return { failures: unusable ? [unusable] : [] }
  const platform = options.platform ?? environment.configuration.platform
  const rehearsal = platform !== environment.configuration.platform
  const context: ResolveContext = {
    workspace,
    environment,
    fullName: rehearsal ? `${name}@${platform}` : name,
    platform,
    rehearsal,
    values: mergeValues(environment.configuration, options.values, rehearsal),
    assume: options.assume,
    ...(options.compose && platform === 'docker' && { compose: options.compose }),
    secretNames: secretNamesOf(workspace, environment, [...workspace.services.values()]),
    digest: options.digest,
    addresses: new Map(),
    failures: [],
    unset: new Map(),
    missingSecrets: new Set(),
    warnings: [],
    origins: new Map(),
  }
  const frames = framesOf(context, options)
  checkPortConflicts(frames, context)
  checkRequired(frames, context)
  const order = inDependencyOrder(
    new Map(frames.map(({ service, dependencies }) => [service.name, dependencies.map((needed) => needed.service)])),
  )
  const byName = new Map(frames.map((frame) => [frame.service.name, resolveService(frame, context)]))
  const database = databaseOf(context, options)
  const backupTargets = rehearsal ? undefined : backupTargetsOf(context)
  const desired: Desired = {
    workspace: { ...identityOf(workspace), folder: options.folder },
    environment: context.fullName,
    configuredAs: name,
    platform,
    rehearsal,
    configuration: rehearsal ? forRehearsal(environment.configuration) : environment.configuration,
    services: order.map((service) => byName.get(service) as DesiredService),
    ...(database && { database }),
    ...(backupTargets && { backupTargets }),
    ...pullSecretsOf(context),
    ...(rehearsal ? {} : { backupSources: backupSourcesOf(context) }),
  }
  if (rehearsal) context.failures.push(...assertLoopbackOnly(desired, context))
  warnOfCommitted(context)
  const { warnings, origins } = context
  const resolution = { desired, warnings, origins, secrets: secretsOf(context) }
  return { resolution, failures: inOrderOfPlace(withoutEchoes(context)) }
}

const identityOf = ({ configuration: { name, id } }: Workspace) => ({ name, id })

function unknownEnvironment({ names }: Workspace, name: string): ConfigurationFailure {
  const close = nearest(name, names.environments)
  const [like = 'dev'] = names.environments
  if (names.environments.includes(name)) {
    const place = { file: `config/environments/${name}.yaml` }
    const message = `the environment \`${name}\` has mistakes in its file`
    return { code: 'environment-broken', message, place, outcome: 'unchanged', concern: { environments: [name] } }
  }
  return {
    code: 'unknown-environment',
    message: `there is no environment \`${name}\``,
    why: names.environments.length > 0 ? `there are ${names.environments.join(', ')}` : 'config/environments is empty',
    ...nearestAs(close),
    ...(close === undefined ? { next: [`write config/environments/${name}.yaml, like ${like}.yaml beside it`] } : {}),
    outcome: 'unchanged',
    concern: {},
  }
}

function wrongPlatform(
  environment: LoadedEnvironment,
  platform: PlatformName | undefined,
): ConfigurationFailure | undefined {
  const configured = environment.configuration.platform
  if (platform === undefined || platform === configured || platform === 'local') return undefined
  return {
    code: 'unsupported-platform',
    message: `${environment.name} runs on ${configured}, and cannot be rehearsed on ${platform}`,
    ...environment.yaml.valueSpot(['platform']),
    why: 'rehearsals run on the platform local',
    outcome: 'unchanged',
    concern: { environments: [environment.name] },
  }
}

/** An .env file and the providers go before the committed values; in a rehearsal, its own committed values go before all. */
function mergeValues(
  { values, rehearsal }: EnvironmentConfiguration,
  provided: ReadonlyMap<string, Secret | string>,
  isRehearsal: boolean,
): Map<string, Secret | string> {
  const texts = (mapping: typeof values) =>
    Object.entries(mapping).map(([name, value]) => [name, String(value)] as const)
  return new Map([...texts(values), ...provided, ...(isRehearsal ? texts(rehearsal?.values ?? {}) : [])])
}

function secretsOf({ values, secretNames }: ResolveContext): Secret[] {
  return [...values].flatMap(([name, value]) => {
    const secret = typeof value === 'string' && secretNames.has(name) ? new Secret(name, value) : value
    return secret instanceof Secret && secret.reveal() !== '' ? [secret] : []
  })
}

/** A secret among the committed values is in everybody's clone. */
function warnOfCommitted({ environment, secretNames, warnings }: ResolveContext): void {
  for (const name of Object.keys(environment.configuration.values).filter((name) => secretNames.has(name))) {
    warnings.push({
      rule: 'committed-secret',
      severity: 'warning',
      message: `the value of the secret ${name} stands in a committed file`,
      place: environment.yaml.keySpot(['values', name]).place,
      mend: `move ${name} to .env.${environment.name}, and change its value`,
    })
  }
}

/** A rehearsal keeps the policy and the hooks, and nothing that points away from this machine or tells others. */
function forRehearsal({
  docker,
  kubernetes,
  secrets,
  database,
  ...rest
}: EnvironmentConfiguration): EnvironmentConfiguration {
  const { url, ...here } = database ?? {}
  return {
    ...rest,
    ...(database && { database: here as Omit<NonNullable<typeof database>, 'url'> }),
    protected: false,
    notifications: [],
    // Backups of a rehearsal are not put beside those of the environment.
    backup: { ...rest.backup, sources: undefined, targets: [{ type: 'folder', path: '.ops/backups' }] },
  }
}

function databaseOf(context: ResolveContext, { migrations, seeds }: ResolveOptions): DesiredDatabase | undefined {
  const { environment, workspace, databaseUrl } = context
  const configured = environment.configuration.database
  const service = configured && workspace.services.get(configured.service)
  const database = service?.configuration.database
  if (!database) return undefined
  const statementTimeout = configured?.statementTimeout
  const statementTimeoutMs = statementTimeout === undefined ? undefined : parseDuration(statementTimeout)
  const password = requireSecret(database.password, service, ['database', 'password'], context)
  return (
    password && {
      service: service.name,
      name: database.name,
      user: database.user,
      password,
      ...(databaseUrl !== undefined && { url: databaseUrl }),
      migrations: migrations ?? [],
      ...(statementTimeoutMs !== undefined && { statementTimeoutMs }),
      seeds: seeds ?? [],
    }
  )
}

/** Where backups go, with the keys of buckets as references. */
function backupTargetsOf(context: ResolveContext): Desired['backupTargets'] {
  const { environment } = context
  const targets = environment.configuration.backup.targets.flatMap((target, index): BackupTarget[] => {
    if (target.type !== 's3') return [target]
    const at = (member: string) => ['backup', 'targets', index, member]
    const accessKey = requireSecret(target.accessKey, environment, at('accessKey'), context)
    const secretKey = requireSecret(target.secretKey, environment, at('secretKey'), context)
    return accessKey && secretKey ? [{ ...target, accessKey, secretKey }] : []
  })
  const [first, ...rest] = targets
  return first && [first, ...rest]
}

/** With what the cluster pulls images; passwords as references. */
function pullSecretsOf(context: ResolveContext): Pick<Desired, 'pullSecrets'> {
  const { environment, platform } = context
  const said = environment.configuration.kubernetes?.pullSecrets
  if (platform !== 'kubernetes' || !said) return {}
  const pullSecrets = said.flatMap(({ name, registry, login }, index) => {
    if (!login) return [{ name, registry }]
    const path = ['kubernetes', 'pullSecrets', index, 'login', 'password']
    const password = requireSecret(login.password, environment, path, context)
    return password ? [{ name, registry, login: { user: login.user, password } }] : []
  })
  return { pullSecrets }
}

/** The addresses of what is backed up, as references. */
function backupSourcesOf(context: ResolveContext): SourceSecrets[] {
  const { environment } = context
  return (environment.configuration.backup.sources ?? []).map((source, index) => {
    const refer = (member: 'url' | 'password', name: string | undefined): SourceSecrets => {
      const path = ['backup', 'sources', index, member]
      const reference = name === undefined ? undefined : requireSecret(name, environment, path, context)
      return reference ? { [member]: [reference] } : {}
    }
    return {
      ...('url' in source && refer('url', source.url)),
      ...('password' in source && refer('password', source.password)),
    }
  })
}

/** Each failure once, and none that only follows from a missing secret which is reported itself. */
function withoutEchoes({ failures, unset, missingSecrets }: ResolveContext): ConfigurationFailure[] {
  const seen = new Set<string>()
  return failures.filter((failure) => {
    if (missingSecrets.has(unset.get(failure) ?? '')) return false
    const { file, line, column } = failure.place ?? { file: '' }
    const key = `${failure.code} ${file}:${line}:${column}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

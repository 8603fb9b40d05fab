import type { Path } from '../manifest/yaml-file.ts'
import type { ContainerSpec, DesiredService, ResolvedHealth, RunSpec, Value } from '../model/desired.ts'
import { parseDuration } from '../model/duration.ts'
import { nearest } from '../model/nearest.ts'
import type { Probe } from '../model/probe.ts'
import type { RolloutStrategy } from '../model/rollout.ts'
import { Secret, type SecretReference } from '../model/secret.ts'
import type { ServiceConfiguration } from '../model/service.ts'
import { failureAtValue, type Loaded, type LoadedService, nearestAs, servicesOf, usableService } from './files.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { ServiceFrame } from './frames.ts'
import { settlePorts } from './port-marks.ts'
import { fail, namesIn, resolvePlain, resolveTemplate } from './references.ts'
import { howToSet, knownNames, lookUp, noteOrigin, type ResolveContext, refer } from './resolve-context.ts'
import { type DockerSpec, resolveDocker } from './resolve-docker.ts'
import { overlapOf } from './resolve-overlap.ts'
import { resolveProbes } from './resolve-probes.ts'

/** A service with everything resolved. Failures go to the context, also `missing-secret` and `reference-not-allowed`. */
export function resolveService(frame: ServiceFrame, context: ResolveContext): DesiredService {
  const { service, dependencies, unavailable } = frame
  const { configuration, name } = service
  const marked = unavailable === undefined ? specOf(frame, context) : undefined
  const spec = marked && settlePorts(marked, (of, port) => declaredPort(of, port, context))
  const { build } = configuration
  return {
    name,
    category: configuration.category,
    dependencies,
    ...(unavailable !== undefined && { unavailable }),
    ...(spec && { spec }),
    fingerprint: spec ? fingerprintOf(spec) : {},
    ...buildOf(build, context),
    rollout: configuration.rollout,
    configuration,
    place: service.yaml.keySpot(['name']).place,
  }
}

/** How the platform's artefact is made: files by a command, or (docker; kubernetes, where it has a repository) an image by a Dockerfile. */
function buildOf(build: ServiceConfiguration['build'], { platform }: ResolveContext): Pick<DesiredService, 'build'> {
  if (!build) return {}
  const { command = [], directory, context = directory, dockerfile, repository } = build
  const common = { directory, context, timeoutMs: milliseconds(build.timeout) }
  // An image is made from what identifies it.
  if (platform !== 'local') {
    const isPushed = repository !== undefined
    // A cluster gets no image but from a registry.
    if (dockerfile === undefined || (platform === 'kubernetes' && !isPushed)) return {}
    return { build: { ...common, directory: context, command: [], dockerfile, ...(isPushed && { repository }) } }
  }
  return command.length > 0 ? { build: { ...common, command } } : {}
}

/** How the containers change; a refusal goes to the context (`overlap-refused`). */
function withOverlap(
  { docker, graceMs }: DockerSpec,
  { service }: ServiceFrame,
  context: ResolveContext,
): ContainerSpec {
  const { configuration, yaml, name } = service
  if (configuration.rollout !== 'overlap') return docker
  const others = servicesOf(context.workspace, context.environment).flatMap(
    (one) => usableService(context.workspace, one, context.platform)?.configuration ?? [],
  )
  const found = overlapOf(configuration, { docker, others, graceMs })
  if ('overlap' in found) return { ...docker, ...found }
  const { message, next } = found.refusal
  const concern = { service: name, platforms: ['docker' as const] }
  const spot = yaml.valueSpot(['rollout']) ?? yaml.keySpot(['rollout'])
  context.failures.push({ code: 'overlap-refused', message, ...spot, next: [next], outcome: 'unchanged', concern })
  return docker
}

function declaredPort(service: string, port: string, { addresses }: ResolveContext): number | undefined {
  const address = addresses.get(service)
  return typeof address === 'object' ? address.declared?.[port] : undefined
}

function specOf(frame: ServiceFrame, context: ResolveContext): RunSpec {
  const { service, ports, declared } = frame
  const moved = Object.keys(ports).some((name) => ports[name] !== declared[name])
  const { local, docker, kubernetes } = service.configuration
  const database = databaseOf(service, context)
  const common = {
    service: service.name,
    source: { kind: 'working-tree' as const },
    environment: environmentOf(frame, context),
    ports,
    ...(moved && { declared }),
    ...(database && { database }),
    health: healthOf(frame, context),
  }
  if (context.platform !== 'local' || !local) {
    // Containers bring their own command and restart policy; what is here is what the other platforms share.
    const directory = context.platform === 'docker' ? docker?.path : kubernetes?.manifests[0]
    const containers = context.platform === 'docker' ? resolveDocker(frame, common.environment, context) : undefined
    return {
      ...common,
      restart: 'always',
      stopSignal: 'SIGTERM',
      graceMs: 10_000,
      oneShot: context.platform === 'docker' && docker?.oneShot === true,
      directory: directory ?? '.',
      ...(containers && { ...containers, docker: withOverlap(containers, frame, context) }),
      ...(context.platform === 'kubernetes' && manifestsOf(frame, context)),
    }
  }
  const command = local.command?.map((text, index) => {
    const path = ['local', 'command', index]
    const template = { text, file: service, path, ports }
    noteOrigin(`${service.name}.command[${index}]`, service, path, namesIn(text), context)
    const resolved = resolvePlain(template, 'local.command', context)
    if (typeof resolved !== 'object') return resolved ?? ''
    fail(template, resolved.mark, context, {
      code: 'reference-unavailable',
      message: 'local.command refers to a service that is not there',
      why: resolved.absent,
      next: ['give the reference a text to use instead: ${…:-text}'],
    })
    return ''
  })
  return {
    ...common,
    ...(command && { command }),
    ...(local.engine && { engine: { name: local.engine, version: local.version, prefer: local.prefer } }),
    directory: local.directory,
    restart: local.restart,
    stopSignal: local.stopSignal,
    graceMs: milliseconds(local.grace),
    oneShot: local.oneShot,
  }
}

/** How a cluster runs it. The environment's namespace goes before those that services and manifests name. */
function manifestsOf(
  { service, override }: ServiceFrame,
  { environment }: ResolveContext,
): Pick<RunSpec, 'kubernetes'> {
  const { kubernetes } = service.configuration
  if (!kubernetes) return {}
  const { namespace, pullSecrets, pullSecretsOn } = environment.configuration.kubernetes ?? {}
  return {
    kubernetes: {
      namespace: namespace ?? kubernetes.namespace,
      ...(namespace !== undefined && { only: true as const }),
      manifests: [...kubernetes.manifests],
      ...(override?.replicas !== undefined && { replicas: override.replicas }),
      ...(kubernetes.settle !== undefined && { settleMs: milliseconds(kubernetes.settle) }),
      ...(kubernetes.patience !== undefined && { patienceMs: milliseconds(kubernetes.patience) }),
      ...strategyOf(kubernetes.strategy),
      ...(pullSecretsOn === 'pods' && pullSecrets && { pullSecrets: pullSecrets.map(({ name }) => name) }),
    },
  }
}

/** The strategy, where it is more than rolling; a canary's last step is all of its pods. */
function strategyOf(said: NonNullable<ServiceConfiguration['kubernetes']>['strategy']): { strategy?: RolloutStrategy } {
  if (!said || said.type === 'rolling') return {}
  if (said.type === 'blue-green') return { strategy: { type: said.type, keep: said.keep } }
  const steps = said.steps.at(-1) === 100 ? said.steps : [...said.steps, 100]
  return { strategy: { type: said.type, steps } }
}

/** The variables: the service's own, then the environment's over them, then secrets. Those that refer to an absent service are left out. */
function environmentOf({ service, override, ports }: ServiceFrame, context: ResolveContext): Record<string, Value> {
  const result: Record<string, Value> = {}
  const own = service.configuration.configuration
  const add = (file: Loaded<unknown>, base: Path, variables: Record<string, string | number | boolean>) => {
    for (const [name, value] of Object.entries(variables)) {
      const path = [...base, name]
      const text = String(value)
      const resolved = resolveTemplate({ text, file, path, ports }, context)
      if ('absent' in resolved) {
        delete result[name]
        continue
      }
      result[name] = resolved.value
      noteOrigin(`${service.name}.environment.${name}`, file, path, namesIn(text), context)
    }
  }
  const overridden = override?.environment_variables ?? {}
  const base = Object.entries(own.environment_variables).filter(([name]) => !Object.hasOwn(overridden, name))
  add(service, ['configuration', 'environment_variables'], Object.fromEntries(base))
  add(context.environment, ['services', service.name, 'environment_variables'], overridden)
  own.secrets.forEach((name, index) => {
    // Both a variable and a secret: reported where the service is checked.
    if (Object.hasOwn(result, name)) return
    const path = ['configuration', 'secrets', index]
    const reference = requireSecret(name, service, path, context)
    if (reference) result[name] = [reference]
    noteOrigin(`${service.name}.environment.${name}`, service, path, [name], context)
  })
  return result
}

function databaseOf(service: LoadedService, context: ResolveContext): RunSpec['database'] | undefined {
  const { database } = service.configuration
  const password = database && requireSecret(database.password, service, ['database', 'password'], context)
  return password && { name: database.name, user: database.user, password }
}

/** A secret that must have a value. Failure: `missing-secret`, once for each name, at the first place that needs it. */
export function requireSecret(
  name: string,
  service: Pick<LoadedService, 'yaml'>,
  path: Path,
  context: ResolveContext,
): SecretReference | undefined {
  const value = lookUp(name, context)
  if (value instanceof Secret)
    return refer(value, (service.yaml.valueSpot(path) ?? service.yaml.keySpot(path)).place, context)
  if (context.missingSecrets.has(name)) return undefined
  context.missingSecrets.add(name)
  context.failures.push(
    failureAtValue(service, path, {
      code: 'missing-secret',
      message: `the secret ${name} has no value`,
      ...nearestAs(
        nearest(
          name,
          knownNames(context).filter((other) => other !== name),
        ),
      ),
      next: howToSet(name, context),
      concern: { environments: [context.environment.name] },
    }),
  )
  return undefined
}

function healthOf(frame: ServiceFrame, context: ResolveContext): ResolvedHealth {
  const { service, override, ports } = frame
  const given = override?.health ?? {}
  const { probes, interval, passes, deadline, watch } = { ...service.configuration.health, ...withoutUndefined(given) }
  const where =
    given.probes === undefined
      ? { file: service, base: ['health', 'probes'] }
      : { file: context.environment, base: ['services', service.name, 'health', 'probes'] }
  return {
    probes: resolveProbes(probes as Probe[], { ...where, service: service.name, ports }, context),
    intervalMs: milliseconds(interval),
    passes,
    deadlineMs: milliseconds(deadline),
    watchMs: milliseconds(watch),
  }
}

/** A validated span in milliseconds. */
export const milliseconds = (span: string): number => parseDuration(span) ?? 0

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

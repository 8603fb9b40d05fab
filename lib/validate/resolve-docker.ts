import type { Path } from '../manifest/yaml-file.ts'
import type { ContainerImage, ContainerSpec, PublishedPort, Value } from '../model/desired.ts'
import { parseDuration } from '../model/duration.ts'
import { Secret } from '../model/secret.ts'
import { containerPortName } from './addresses.ts'
import { separateFiles } from './compose/content.ts'
import { list, mapping, withMergeKeys } from './compose/file.ts'
import { publishedBy } from './compose/ports.ts'
import { refusals } from './compose/refusals.ts'
import { interpolate, variablesIn } from './compose/variables.ts'
import { canonicalJson } from './fingerprint.ts'
import type { ServiceFrame } from './frames.ts'
import { howToSet, lookUp, type ResolveContext, refer } from './resolve-context.ts'

/** What a Compose file says of a service besides its containers. */
export type DockerSpec = { docker: ContainerSpec; graceMs: number }

type Said = { code: string; message: string; why?: string; next?: string[] }

/**
 * How containers run a service, from its Compose file. Failures go to the context, with their place in that file: `no-compose-file`,
 * `compose-not-supported`, `undeclared-network`, `unset-variable`, and those of YAML. Undefined when there is nothing to go on with.
 */
export function resolveDocker(
  frame: ServiceFrame,
  environment: Record<string, Value>,
  context: ResolveContext,
): DockerSpec | undefined {
  const { service, override } = frame
  const { name } = service
  const file = context.compose?.[name]
  const section = service.configuration.docker
  if (!section || !context.compose) return undefined
  const concern = { service: name, platforms: ['docker' as const] }
  if (!file) {
    const spot = service.yaml.valueSpot(['docker', 'path']) ?? service.yaml.keySpot(['docker', 'path'])
    const message = `${section.path} has no compose.yaml`
    context.failures.push({ code: 'no-compose-file', message, ...spot, outcome: 'unchanged', concern })
    return undefined
  }
  const fail = (at: Path, said: Said) => {
    const spot = file.yaml.valueSpot(at) ?? file.yaml.keySpot(at)
    context.failures.push({ ...said, ...spot, outcome: 'unchanged', concern })
  }
  context.failures.push(...file.yaml.failures.map((failure) => ({ ...failure, concern })))
  const whole = mapping(withMergeKeys(file.yaml.value))
  const services = Object.entries(mapping(whole.services)).filter(([, one]) => list(mapping(one).profiles).length === 0)
  if (services.length === 0) {
    if (file.yaml.failures.length === 0)
      fail([], { code: 'compose-not-supported', message: `${file.path} has no services` })
    return undefined
  }
  for (const { at, ...said } of refusals(whole)) fail(at, { code: 'compose-not-supported', ...said })
  const main = mainOf(
    name,
    services.map(([one]) => one),
  )
  if (main === undefined) {
    fail(['services'], {
      code: 'compose-not-supported',
      message: `which of ${services.map(([one]) => one).join(', ')} is \`${name}\` is not clear`,
      next: [`call one of them ${name}: ports and probes of the catalogue are about that one`],
    })
    return undefined
  }

  const known = (variable: string): string | undefined =>
    plain(environment[variable]) ?? textOf(lookUp(variable, context))
  const fill = (text: unknown): string => interpolate(String(text), known)
  const shared = sharedNetworks(section.networks, context)
  const [rendered, images, replicas] = [{}, {}, {}] as [
    Record<string, unknown>,
    Record<string, ContainerImage>,
    Record<string, number>,
  ]
  const seen: Record<string, unknown> = {}
  const published: PublishedPort[] = []
  let graceMs = 10_000
  for (const [one, raw] of services) {
    const at = ['services', one]
    const separated = separateFiles(mapping(raw), mapping(whole.configs), file)
    for (const problem of separated.problems) {
      const { at: within, next, ...said } = problem
      fail([...at, ...within], { code: 'compose-not-supported', ...said, ...(next !== undefined && { next: [next] }) })
    }
    if (Object.keys(separated.seen).length > 0) seen[one] = separated.seen
    const { image, build, ports, networks, scale, stop_grace_period: grace, ...rest } = separated.service
    const deploy = mapping(rest.deploy)
    const { replicas: wanted, ...limits } = deploy
    replicas[one] = Number(fill(wanted ?? scale ?? 1))
    const isBuilt = service.configuration.build?.dockerfile !== undefined && one === main
    if (image === undefined && !isBuilt) {
      fail(at, {
        code: 'compose-not-supported',
        message: `\`${one}\` has no image`,
        next: ['say image:, or build.dockerfile in the catalogue'],
      })
    }
    const { repository } = service.configuration.build ?? {}
    const isPushed = isBuilt && repository !== undefined
    const reference = isPushed ? repository : image === undefined ? projectOf(context, name) : fill(image)
    images[one] = { reference, ...(isBuilt && { built: true as const }), ...(isPushed && { pushed: true as const }) }
    if (grace !== undefined) graceMs = Math.max(graceMs, parseDuration(fill(grace)) ?? 0)
    published.push(
      ...publishedBy(
        list(ports).map((port) => (typeof port === 'string' ? fill(port) : fillAll(port, fill))),
        {
          of: one,
          declared: one === main ? section.ports : [],
          nameOf: (port) => containerPortName(port, service.configuration.local?.ports ?? {}),
          override: override?.ports ?? {},
          assigned: frame.assigned,
        },
      ),
    )
    const joined = networksOf(networks, one === main ? section.networks : [])
    for (const network of Object.keys(joined)) {
      if (network === 'default' || shared[network] !== undefined || isOwn(network, whole)) continue
      fail([...at, 'networks'], {
        code: 'undeclared-network',
        message: `\`${one}\` joins the network ${network}, which the service does not declare`,
        next: [`add it to docker.networks of config/services/${name}.yaml`],
      })
    }
    if (one === main && main !== name) addAlias(joined, shared, name)
    const hasDeploy = Object.keys(limits).length > 0
    const { deploy: _, ...plainRest } = rest
    rendered[one] = {
      ...plainRest,
      ...(grace !== undefined && { stop_grace_period: grace }),
      ...(hasDeploy && { deploy: limits }),
      ...(rest.network_mode === undefined && { networks: joined }),
    }
  }
  const compose = canonicalJson({
    services: rendered,
    ...kept('volumes', whole, (_, volume) => {
      const { name: own, ...options } = volume
      // Two environments on one engine never share data.
      return volume.external === true ? volume : options
    }),
    ...kept('networks', whole, (network, options) =>
      shared[network] === undefined ? withoutName(options) : undefined,
    ),
    ...kept('secrets', whole, (_, secret) => secret),
    ...kept('configs', whole, (_, config) => (typeof config.file === 'string' ? undefined : config)),
    ...(Object.keys(seen).length > 0 && { 'x-files': seen }),
  })
  const docker: ContainerSpec = {
    project: projectOf(context, name),
    main,
    compose,
    variables: variablesOf(JSON.parse(compose), environment, context, fail),
    images,
    replicas,
    networks: shared,
    published,
  }
  return { docker, graceMs }
}

const projectOf = ({ workspace, fullName }: ResolveContext, service: string): string =>
  `${workspace.configuration.name}-${fullName}-${service}`

const mainOf = (name: string, names: string[]): string | undefined =>
  names.includes(name) ? name : names.length === 1 ? names[0] : undefined

const sharedNetworks = (declared: string[], { workspace, fullName }: ResolveContext): Record<string, string> =>
  Object.fromEntries(declared.map((one) => [one, `${workspace.configuration.name}-${fullName}_${one}`]))

const plain = (value: Value | undefined): string | undefined => (typeof value === 'string' ? value : undefined)
const textOf = (value: string | Secret | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** The networks that a Compose service joins, in the long form: what it says, else the project's own, and what the catalogue says. */
function networksOf(said: unknown, declared: string[]): Record<string, unknown> {
  const joined = Array.isArray(said)
    ? Object.fromEntries(said.map((one) => [String(one), null]))
    : said === undefined
      ? { default: null }
      : { ...mapping(said) }
  for (const network of declared) if (!(network in joined)) joined[network] = null
  return joined
}

/** A network that belongs to the project alone. */
const isOwn = (network: string, { networks }: Record<string, unknown>): boolean => {
  const said = mapping(networks)
  return network in said && mapping(said[network]).external !== true
}

function addAlias(joined: Record<string, unknown>, shared: Record<string, string>, alias: string): void {
  for (const network of Object.keys(joined).filter((one) => shared[one] !== undefined)) {
    const options = mapping(joined[network])
    joined[network] = { ...options, aliases: [...list(options.aliases), alias] }
  }
}

function withoutName({ name: _, ...options }: Record<string, unknown>): Record<string, unknown> {
  return options
}

function kept(
  section: string,
  whole: Record<string, unknown>,
  keep: (name: string, options: Record<string, unknown>) => Record<string, unknown> | undefined,
): Record<string, unknown> {
  const entries = Object.entries(mapping(whole[section])).flatMap(([name, options]) => {
    const stays = keep(name, mapping(options))
    return stays === undefined ? [] : [[name, stays] as const]
  })
  return entries.length > 0 ? { [section]: Object.fromEntries(entries) } : {}
}

function fillAll(value: unknown, fill: (text: string) => string): unknown {
  if (typeof value === 'string') return fill(value)
  if (Array.isArray(value)) return value.map((one) => fillAll(one, fill))
  return Object.fromEntries(Object.entries(mapping(value)).map(([key, one]) => [key, fillAll(one, fill)]))
}

/** What Compose is to fill in and the service's own variables do not say. Failure: `unset-variable`. */
function variablesOf(
  compose: unknown,
  environment: Record<string, Value>,
  context: ResolveContext,
  fail: (at: Path, said: Said) => void,
): Record<string, Value> {
  const result: Record<string, Value> = {}
  const use = (name: string, guarded: boolean, at: Path) => {
    if (name in environment || name in result) return
    const value = lookUp(name, context)
    if (value instanceof Secret) result[name] = [refer(value, { file: '' }, context)]
    else if (value !== undefined) result[name] = value
    else if (!guarded) {
      fail(at, { code: 'unset-variable', message: `\`\${${name}}\` has no value`, next: howToSet(name, context) })
      result[name] = ''
    }
  }
  const walk = (value: unknown, at: Path) => {
    if (typeof value === 'string') for (const { name, guarded } of variablesIn(value)) use(name, guarded, at)
    else if (Array.isArray(value)) for (const [index, one] of value.entries()) walk(one, [...at, index])
    else for (const [key, one] of Object.entries(mapping(value))) if (key !== 'x-files') walk(one, [...at, key])
  }
  walk(compose, [])
  // `secrets: { x: { environment: NAME } }` and `environment: [NAME]` name variables without a `$`.
  const { secrets, configs, services } = mapping(compose)
  for (const section of ['secrets', 'configs'] as const) {
    for (const [name, one] of Object.entries(mapping(section === 'secrets' ? secrets : configs))) {
      const variable = mapping(one).environment
      if (typeof variable === 'string') use(variable, false, [section, name, 'environment'])
    }
  }
  for (const [name, one] of Object.entries(mapping(services))) {
    const own = mapping(one).environment
    const named = Array.isArray(own)
      ? own.map(String).filter((entry) => !entry.includes('='))
      : Object.keys(mapping(own)).filter((key) => mapping(own)[key] === null)
    for (const variable of named) use(variable, true, ['services', name, 'environment'])
  }
  return result
}

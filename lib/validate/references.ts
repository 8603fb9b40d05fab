import type { Path } from '../manifest/yaml-file.ts'
import type { Value, ValuePart } from '../model/desired.ts'
import { nearest } from '../model/nearest.ts'
import { Secret, type SecretReference } from '../model/secret.ts'
import type { Address } from './addresses.ts'
import type { ConfigurationFailure } from './concern.ts'
import { type Loaded, nearestAs, nearestOf } from './files.ts'
import { markPort } from './port-marks.ts'
import { howToSet, knownNames, lookUp, type ResolveContext, refer } from './resolve-context.ts'
import { parseTemplate, type TemplatePart } from './template.ts'

/** A text of the configuration, with where it is and the ports of the service that it belongs to. */
export type Template = { text: string; file: Loaded<unknown>; path: Path; ports?: Record<string, number> }

/** A resolved text; or `absent`: why a service that it refers to cannot be reached, so that the text is to be left out. */
export type Resolved = { value: Value } | { absent: string; mark: number }

/**
 * Resolves the references of a text. Failures go to the context: `invalid-interpolation`, `unset-variable`, `unknown-reference`, `unknown-port`, each
 * at its `${`. A text with failures resolves without those references.
 */
export function resolveTemplate(template: Template, context: ResolveContext): Resolved {
  const { parts, mistakes } = parseTemplate(template.text)
  for (const { mark, message } of mistakes) fail(template, mark, context, { code: 'invalid-interpolation', message })
  return resolveParts(parts, template, context)
}

/**
 * Resolves a text that records and the process table carry as it is, so that no secret may be in it. `what` names the text. Undefined when there
 * were failures; `absent` as for `resolveTemplate`. Failure: `reference-not-allowed`.
 */
export function resolvePlain(
  template: Template,
  what: string,
  context: ResolveContext,
): string | { absent: string; mark: number } | undefined {
  const resolved = resolveTemplate(template, context)
  if ('absent' in resolved) return resolved
  if (typeof resolved.value === 'string') return resolved.value
  const secret = resolved.value.find((part) => typeof part !== 'string' && 'secret' in part) as
    | SecretReference
    | undefined
  const name = secret?.secret ?? (resolved.value.find((part) => typeof part !== 'string') as { known: string }).known
  fail(template, markOf(name, parseTemplate(template.text).parts) ?? 0, context, {
    code: 'reference-not-allowed',
    message: `\`\${${name}}\` cannot stand in ${what}`,
    why: secret
      ? 'it is a secret, and this text is kept in records and seen by other users'
      : 'it is known only when a release runs',
    next: [`give the service a variable that holds \${${name}}`],
  })
  return undefined
}

function markOf(name: string, parts: readonly TemplatePart[]): number | undefined {
  for (const part of parts) {
    if (typeof part === 'string') continue
    const mark = part.reference === name ? part.mark : markOf(name, part.fallback ?? [])
    if (mark !== undefined) return mark
  }
  return undefined
}

/** The names of values that a text refers to, services and ports aside. */
export function namesIn(text: string): string[] {
  const names = (parts: readonly TemplatePart[]): string[] =>
    parts.flatMap((part) => (typeof part === 'string' ? [] : [part.reference, ...names(part.fallback ?? [])]))
  return [...new Set(names(parseTemplate(text).parts))].filter((name) => !name.includes('.') && !(name in builtIns))
}

function resolveParts(parts: readonly TemplatePart[], template: Template, context: ResolveContext): Resolved {
  const found: ValuePart[] = []
  for (const part of parts) {
    if (typeof part === 'string') {
      found.push(part)
      continue
    }
    const { reference, mark, fallback } = part
    const target = resolveReference(reference, template, mark, context)
    const empty = target.kind === 'part' && target.part === ''
    if (fallback && (empty || target.kind === 'unset' || target.kind === 'absent')) {
      const instead = resolveParts(fallback, template, context)
      if ('absent' in instead) return instead
      found.push(...[instead.value].flat())
    } else if (target.kind === 'absent') return { absent: target.why, mark }
    else if (target.kind === 'part') found.push(target.part)
    else if (target.kind === 'unset') reportUnset(reference, template, mark, context)
  }
  return { value: joined(found) }
}

/** Neighbouring texts as one; a text alone is no list. */
function joined(parts: readonly ValuePart[]): Value {
  const result: ValuePart[] = []
  for (const part of parts) {
    const last = result.at(-1)
    if (typeof part === 'string' && typeof last === 'string') result[result.length - 1] = last + part
    else if (part !== '') result.push(part)
  }
  if (result.length === 0) return ''
  return result.length === 1 && typeof result[0] === 'string' ? result[0] : result
}

type Target =
  | { kind: 'part'; part: ValuePart }
  | { kind: 'unset' }
  | { kind: 'failed' }
  | { kind: 'absent'; why: string }

const builtIns: Record<string, (context: ResolveContext) => ValuePart> = {
  environment: ({ fullName }) => fullName,
  workspace: ({ workspace }) => workspace.configuration.name,
  release: () => ({ known: 'release' }),
  revision: () => ({ known: 'revision' }),
}

function resolveReference(reference: string, template: Template, mark: number, context: ResolveContext): Target {
  const [root, ...rest] = reference.split('.') as [string, ...string[]]
  if (root === 'services' && rest.length > 0) return serviceTarget(rest, template, mark, context)
  if (root === 'ports' && rest.length > 0) {
    return portTarget(rest[0] as string, template.ports ?? {}, template, mark, context)
  }
  if (rest.length > 0) return unknownWord(root, ['services', 'ports'], template, mark, context)
  const builtIn = Object.hasOwn(builtIns, reference) ? builtIns[reference] : undefined
  if (builtIn) return { kind: 'part', part: builtIn(context) }
  const value = lookUp(reference, context)
  if (value === undefined) return { kind: 'unset' }
  if (!(value instanceof Secret)) return { kind: 'part', part: value }
  const { place } = template.file.yaml.markSpot(template.path, '${', mark) ?? template.file.yaml.keySpot(template.path)
  return { kind: 'part', part: refer(value, place, context) }
}

/** `services.<name>.host`, `services.<name>.port`, `services.<name>.ports.<port>`; `steps` are those after `services`. */
function serviceTarget(steps: readonly string[], template: Template, mark: number, context: ResolveContext): Target {
  const [name = '', what = '', port] = steps
  const address = context.addresses.get(name)
  if (address === undefined) {
    const names = context.workspace.names.services
    // A service whose file is broken is reported there.
    if (!names.includes(name)) {
      const message = `there is no service \`${name}\` to refer to`
      fail(template, mark, context, { code: 'unknown-reference', message, ...nearestOf(name, names, 'services') })
    }
    return { kind: 'failed' }
  }
  const complete = what === 'ports' ? steps.length === 3 : ['host', 'port'].includes(what) && steps.length === 2
  if (!complete) return unknownWord(what, ['host', 'port', 'ports'], template, mark, context)
  if (typeof address === 'string') return { kind: 'absent', why: address }
  if (what === 'host') return { kind: 'part', part: address.host }
  if (port !== undefined) return portTarget(port, address.ports, template, mark, context, { name, address })
  const first = Object.entries(address.ports)[0]
  if (first !== undefined) return { kind: 'part', part: marked(name, first[0], first[1], address) }
  // An engine without a port is reported at its service.
  if (!context.workspace.services.get(name)?.configuration.local?.engine) {
    fail(template, mark, context, { code: 'unknown-port', message: `the service \`${name}\` has no port` })
  }
  return { kind: 'failed' }
}

function unknownWord(word: string, words: string[], template: Template, mark: number, context: ResolveContext): Target {
  fail(template, mark, context, {
    code: 'unknown-reference',
    message: `\`${word}\` is nothing that can be referred to here`,
    why: 'expected services.<name>.host, services.<name>.port, services.<name>.ports.<port> or ports.<port>',
    ...nearestAs(nearest(word, words)),
  })
  return { kind: 'failed' }
}

/** The number of a port; one that may be moved is marked. An empty service is the text's own. */
const marked = (service: string, port: string, number: number, address?: Address): string =>
  address && !address.declared ? String(number) : markPort(service, port, number)

function portTarget(
  port: string,
  ports: Record<string, number>,
  template: Template,
  mark: number,
  context: ResolveContext,
  service?: { name: string; address: Address },
): Target {
  const number = Object.hasOwn(ports, port) ? ports[port] : undefined
  if (number !== undefined) return { kind: 'part', part: marked(service?.name ?? '', port, number, service?.address) }
  fail(template, mark, context, {
    code: 'unknown-port',
    message: `${service === undefined ? 'this service' : `the service \`${service.name}\``} has no port \`${port}\``,
    ...nearestAs(nearest(port, Object.keys(ports))),
  })
  return { kind: 'failed' }
}

function reportUnset(name: string, template: Template, mark: number, context: ResolveContext): void {
  const known = [...knownNames(context), ...Object.keys(builtIns)].filter((other) => other !== name)
  const failure = fail(template, mark, context, {
    code: 'unset-variable',
    message: `\`\${${name}}\` has no value`,
    ...nearestAs(nearest(name, known)),
    next: howToSet(name, context),
  })
  context.unset.set(failure, name)
}

type ReferenceSaid = Omit<ConfigurationFailure, 'concern' | 'place' | 'source' | 'outcome'>

/** Adds a failure at a `${` of a text. */
export function fail(
  { file, path }: Template,
  mark: number,
  { failures, environment }: ResolveContext,
  said: ReferenceSaid,
): ConfigurationFailure {
  const failure: ConfigurationFailure = {
    ...said,
    ...(file.yaml.markSpot(path, '${', mark) ?? file.yaml.keySpot(path)),
    outcome: 'unchanged',
    concern: { environments: [environment.name] },
  }
  failures.push(failure)
  return failure
}

import type { Desired, DesiredService, Value } from '../model/desired.ts'
import { Secret } from '../model/secret.ts'
import type { ConfigurationFailure } from './concern.ts'
import { hostsIn, isLoopback } from './hosts.ts'
import type { Origin } from './resolve-context.ts'

/** What the check is given besides the resolved environment. */
export type LoopbackContext = {
  /** The values by name, to look into secrets too. */
  values: ReadonlyMap<string, Secret | string>
  origins: ReadonlyMap<string, Origin>
}

/**
 * Every address that a rehearsal would give to its services must be this machine's. Failure: `not-loopback` for each variable, argument or probe
 * that holds another, at the place where it is written. A host is named only when no part of it comes from a secret.
 */
export function assertLoopbackOnly(desired: Desired, context: LoopbackContext): ConfigurationFailure[] {
  return desired.services.flatMap((service) =>
    addressesOf(service).flatMap(({ what, key, value }) => {
      const text = revealed(value, context.values)
      const foreign = hostsIn(key, text).find((host) => !isLoopback(host))
      return foreign === undefined
        ? []
        : [notLoopback(service, what, shownHost(foreign, value, context.values), desired, context)]
    }),
  )
}

type Addressed = { what: string; key: string; value: Value }

function addressesOf({ spec }: DesiredService): Addressed[] {
  if (!spec) return []
  return [
    ...Object.entries(spec.environment).map(([key, value]) => ({ what: `environment.${key}`, key, value })),
    ...(spec.command ?? []).map((value, index) => ({ what: `command[${index}]`, key: '', value })),
    ...spec.health.probes.flatMap((probe, index) => {
      const what = `health.probes[${index}]`
      const fields: Addressed[] = []
      if ('url' in probe && probe.url !== undefined) fields.push({ what: `${what}.url`, key: 'URL', value: probe.url })
      if ('host' in probe && probe.host !== undefined)
        fields.push({ what: `${what}.host`, key: 'HOST', value: probe.host })
      if (probe.type === 'exec')
        fields.push(...probe.command.map((value) => ({ what: `${what}.command`, key: '', value })))
      return fields
    }),
  ]
}

function notLoopback(
  service: DesiredService,
  what: string,
  host: string | undefined,
  desired: Desired,
  { origins }: LoopbackContext,
): ConfigurationFailure {
  const origin = origins.get(`${service.name}.${what}`)
  const name = what.replace(/^environment\./, '')
  const from = origin?.names[0]
  return {
    code: 'not-loopback',
    message: `${name} of \`${service.name}\` points to another machine${host === undefined ? '' : `: ${host}`}`,
    place: origin?.place ?? service.place,
    ...(origin && { source: origin.source }),
    service: service.name,
    why: `a rehearsal (${desired.environment}) reaches nothing but this machine`,
    next: [
      from === undefined
        ? `write the address with \${services.<name>.host}, or as a value that rehearsal.values replaces`
        : `set ${from} under rehearsal.values in config/environments/${desired.configuredAs}.yaml`,
    ],
    outcome: 'unchanged',
    concern: { environments: [desired.configuredAs] },
  }
}

function revealed(value: Value, values: LoopbackContext['values']): string {
  if (typeof value === 'string') return value
  return value
    .map((part) => (typeof part === 'string' ? part : 'secret' in part ? textOf(part.secret, values) : part.known))
    .join('')
}

function textOf(name: string, values: LoopbackContext['values']): string {
  const value = values.get(name)
  return value instanceof Secret ? value.reveal() : (value ?? '')
}

/** The host, unless a secret of the value shares text with it. */
function shownHost(host: string, value: Value, values: LoopbackContext['values']): string | undefined {
  const secrets =
    typeof value === 'string'
      ? []
      : value.flatMap((part) => (typeof part === 'object' && 'secret' in part ? [textOf(part.secret, values)] : []))
  return secrets.some((secret) => secret.includes(host) || (secret !== '' && host.includes(secret))) ? undefined : host
}

import type { Value } from '../model/desired.ts'
import type { PlatformName } from '../model/environment.ts'
import type { ServiceConfiguration } from '../model/service.ts'

/** Where a service's ports are for the other services of its environment. */
export type Address = {
  host: string
  ports: Record<string, number>
  /** The numbers that the configuration gives them; absent for ports that nobody moves: those of an address elsewhere. */
  declared?: Record<string, number>
}

/**
 * The ports of a service on a platform by name, as others reach them: on loopback (local), or its containers' own (docker, kubernetes). A
 * container's port without a name has that of the local port with the same number, else its number for a name; a service that names no
 * container port has the local ones.
 */
export function portsOn(configuration: ServiceConfiguration, platform: PlatformName): Record<string, number> {
  const local = configuration.local?.ports ?? {}
  const containers = configuration.docker?.ports ?? []
  if (platform === 'local' || containers.length === 0) return { ...local }
  return Object.fromEntries(containers.map((port) => [containerPortName(port, local), port.container]))
}

/** The name of a container's port; see `portsOn`. */
export function containerPortName(
  port: { name?: string | undefined; container: number },
  local: Record<string, number>,
): string {
  const sameNumber = Object.keys(local).find((name) => local[name] === port.container)
  return port.name ?? sameNumber ?? String(port.container)
}

/** The host name under which the services of an environment reach one of them. */
export function hostOn(
  name: string,
  { kubernetes }: ServiceConfiguration,
  platform: PlatformName,
  namespace?: string,
): string {
  if (platform === 'local') return '127.0.0.1'
  if (platform === 'docker') return name
  return `${name}.${namespace ?? kubernetes?.namespace ?? 'default'}`
}

/**
 * The port that a rehearsal uses in place of a configured one, so that `production@local` runs beside `dev`: 5000 higher, and 100 more for every
 * environment before it by name. Above 65535 it wraps around over 1024; no two ports become one.
 */
export function rehearsalPort(port: number, environmentIndex: number): number {
  const offset = 5000 + 100 * environmentIndex
  const first = 1024
  if (port < first) return port + offset
  return first + ((port - first + offset) % (65_536 - first))
}

/** The address in a database's URL; undefined when it has no host, or when a secret is part of the host. */
export function addressInUrl(url: Value, portName: string): Address | undefined {
  const text = typeof url === 'string' ? url : url.map((part) => (typeof part === 'string' ? part : '\0')).join('')
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text)?.[1]
  const parts = /^(?:.*@)?(\[[0-9a-f:.]+\]|[^\0:,@]+)(?::(\d+))?$/i.exec(authority ?? '')
  if (!parts) return undefined
  return { host: parts[1] as string, ports: { [portName]: Number(parts[2] ?? 5432) } }
}

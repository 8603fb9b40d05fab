import type { ProbeTarget } from '../model/probe.ts'

/** A probe's configuration does not fit the service; the message says what to change. */
export class ProbeConfigurationError extends Error {}

/** The port that a probe means: a number, one of the service's ports by name, or its first. */
export function resolvePort(port: string | number | undefined, target: ProbeTarget): number {
  if (typeof port === 'number') return port
  const names = Object.keys(target.ports)
  const name = port ?? names[0]
  const found = name === undefined ? undefined : target.ports[name]
  if (found !== undefined) return found
  throw new ProbeConfigurationError(
    name === undefined
      ? `${target.service} has no port: give the probe a port number`
      : `${target.service} has no port ${name} (it has ${names.join(', ') || 'none'})`,
  )
}

/** Reads an address, so that a wrong one fails with a text that does not repeat it (it may hold a password). */
export function readUrl(text: string, protocols: string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && protocols.includes(url.protocol)) return url
  throw new ProbeConfigurationError(
    `the probe's url is not an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  )
}

import type { Path } from '../manifest/yaml-file.ts'
import { nearest } from '../model/nearest.ts'
import type { Probe } from '../model/probe.ts'
import { failureAtKey, failureAtValue, type Loaded, nearestAs } from './files.ts'
import { namesIn, resolvePlain } from './references.ts'
import { noteOrigin, type ResolveContext } from './resolve-context.ts'

/** Where probes are written, and the service that they look at. */
export type ProbesWhere = { file: Loaded<unknown>; base: Path; service: string; ports: Record<string, number> }

/** The fields of probes that may hold references. */
const textFields = ['url', 'host', 'path', 'query'] as const

/**
 * Resolves the references in probes. A probe that refers to an absent service is left out. Failures: `unknown-port`, `missing-key` (a probe that
 * needs a port, of a service without one), and those of `resolvePlain`.
 */
export function resolveProbes(probes: readonly Probe[], where: ProbesWhere, context: ResolveContext): Probe[] {
  const result: Probe[] = []
  probes.forEach((probe, index) => {
    const path = [...where.base, index]
    checkPort(probe, path, where, context)
    const resolved = resolveProbe(probe, path, where, context)
    if (!resolved) return
    for (const field of ['url', 'host', 'command'] as const) {
      const text = (probe as Record<string, unknown>)[field]
      const what = `${where.service}.health.probes[${result.length}].${field}`
      if (text !== undefined) noteOrigin(what, where.file, [...path, field], namesIn([text].flat().join('')), context)
    }
    result.push(resolved)
  })
  return result
}

function resolveProbe(
  probe: Probe,
  path: Path,
  { file, ports }: ProbesWhere,
  context: ResolveContext,
): Probe | undefined {
  const fields = { ...probe } as Record<string, unknown>
  let absent = false
  const resolve = (text: string, at: Path): string => {
    const resolved = resolvePlain({ text, file, path: at, ports }, 'a probe', context)
    if (typeof resolved === 'object') absent = true
    return typeof resolved === 'string' ? resolved : text
  }
  for (const field of textFields) {
    const text = fields[field]
    if (typeof text === 'string') fields[field] = resolve(text, [...path, field])
  }
  if (probe.type === 'exec') {
    fields.command = probe.command.map((text, index) => resolve(text, [...path, 'command', index]))
  }
  if (probe.type === 'http' && probe.headers) {
    const headers = Object.entries(probe.headers)
    fields.headers = Object.fromEntries(
      headers.map(([name, text]) => [name, resolve(text, [...path, 'headers', name])]),
    )
  }
  return absent ? undefined : (fields as Probe)
}

function checkPort(probe: Probe, path: Path, { file, service, ports }: ProbesWhere, context: ResolveContext): void {
  const concern = { environments: [context.environment.name] }
  if (!('port' in probe) || typeof probe.port !== 'string') {
    const needsPort = ['http', 'tcp', 'postgres', 'redis'].includes(probe.type)
    const hasAddress = ('url' in probe && probe.url !== undefined) || ('port' in probe && probe.port !== undefined)
    // An engine without a port is reported at its service.
    const engine = context.workspace.services.get(service)?.configuration.local?.engine
    if (!needsPort || hasAddress || engine || Object.keys(ports).length > 0) return
    const message = `the ${probe.type} probe has no port to look at`
    const why = `the service \`${service}\` names no port`
    context.failures.push(failureAtKey(file, path, { code: 'missing-key', message, why, concern }))
    return
  }
  if (Object.hasOwn(ports, probe.port)) return
  const near = nearestAs(nearest(probe.port, Object.keys(ports)))
  const message = `the service \`${service}\` has no port \`${probe.port}\``
  context.failures.push(failureAtValue(file, [...path, 'port'], { code: 'unknown-port', message, ...near, concern }))
}

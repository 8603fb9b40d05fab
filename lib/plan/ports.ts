import { isDeepStrictEqual } from 'node:util'
import type { ContainerSpec, PortUse, PublishedPort, RunSpec } from '../model/desired.ts'
import type { Release, ReleasedService } from '../model/release.ts'
import { fingerprintOf } from '../validate/fingerprint.ts'

/** Ports that a machine uses in place of the declared ones, by service and port name. */
export type PortAssignments = Record<string, Record<string, number>>

/** A release as a machine with these assignments runs it. What is not assigned has the port that was declared. */
export const placeRelease = (release: Release, assigned: PortAssignments): Release => ({
  ...release,
  services: release.services.map((service) => placeService(service, assigned)),
})

function placeService(released: ReleasedService, assigned: PortAssignments): ReleasedService {
  const { spec, fingerprint } = released
  const placed = spec && placePorts(spec, assigned)
  if (!spec || !placed || placed === spec) return released
  // The artefact is a part by itself, and parts that this version does not know stay.
  const { artefact: _, ...without } = placed
  return { ...released, spec: placed, fingerprint: { ...fingerprint, ...fingerprintOf(without) } }
}

/** A spec on the ports of a machine: its own, and those of others that its texts name. The same object when nothing moves. */
export function placePorts(spec: RunSpec, assigned: PortAssignments): RunSpec {
  if (spec.docker) return placePublished(spec, spec.docker, assigned)
  const declared = spec.declared ?? spec.ports
  const ports = Object.fromEntries(
    Object.entries(declared).map(([name, port]) => [name, assigned[spec.service]?.[name] ?? port]),
  )
  const differs = Object.entries(declared).some(([name, port]) => ports[name] !== port)
  const uses = spec.portUses ?? []
  const placed = structuredClone(spec)
  const moved: PortUse[] = []
  // By text, and from its left to its right: each number moves what follows it.
  const shifts = new Map<string, number>()
  for (const use of uses) {
    const key = JSON.stringify(use.path)
    const shift = shifts.get(key) ?? 0
    const [from, to] = [use.from + shift, use.to + shift]
    const number = String(assigned[use.service]?.[use.port] ?? use.declared)
    replaceText(placed, use.path, (text) => text.slice(0, from) + number + text.slice(to))
    moved.push({ ...use, from, to: from + number.length })
    shifts.set(key, shift + number.length - (to - from))
  }
  const { declared: _, ...rest } = placed
  const result: RunSpec = {
    ...rest,
    ports,
    ...(differs && { declared }),
    ...(uses.length > 0 && { portUses: moved }),
  }
  return isDeepStrictEqual(result, spec) ? spec : result
}

/** Containers keep their own ports; it is the host's that move. */
function placePublished(spec: RunSpec, docker: ContainerSpec, assigned: PortAssignments): RunSpec {
  const published = docker.published.map(({ declared, ...port }): PublishedPort => {
    const configured = declared ?? port.host
    const host = assigned[spec.service]?.[port.name] ?? configured
    return { ...port, host, ...(host !== configured && { declared: configured }) }
  })
  return isDeepStrictEqual(published, docker.published) ? spec : { ...spec, docker: { ...docker, published } }
}

/** Changes the text at a path; a record in which there is none stays as it is. */
function replaceText(root: object, path: readonly (string | number)[], change: (text: string) => string): void {
  const keys = [...path]
  const last = keys.pop() as string | number
  let at: unknown = root
  for (const key of keys) at = (at as Record<string | number, unknown> | undefined)?.[key]
  const holder = at as Record<string | number, unknown> | undefined
  const text = holder?.[last]
  if (holder && typeof text === 'string') holder[last] = change(text)
}

import type { RunSpec } from '../../model/desired.ts'
import type { Failure } from '../../model/failure.ts'
import type { PortConflict, PortOwner } from '../../model/snapshot.ts'
import { freePortNear, type PortState, portOwner, portState } from '../../system/ports.ts'
import { observedService, type ServiceRecord } from './supervisor/record.ts'

/** A port that cannot be listened on, though a service is to have it. */
export type BlockedPort = PortConflict & { state: Exclude<PortState, 'free'> }

/**
 * The ports of a service that it could not have now. Those that it has itself are free once it is stopped. `taken` are ports that are
 * no alternatives, though nobody listens there: other services are to have them.
 */
export async function blockedPorts(
  spec: Pick<RunSpec, 'service' | 'ports'>,
  record: ServiceRecord | undefined,
  taken: Iterable<number>,
): Promise<BlockedPort[]> {
  const lives = record !== undefined && observedService(record, 0).pid !== undefined
  const own = new Set(lives ? Object.values(record.ports) : [])
  const promised = new Set(taken)
  const blocked: BlockedPort[] = []
  for (const [name, port] of Object.entries(spec.ports)) {
    if (own.has(port)) continue
    const state = await portState('127.0.0.1', port)
    if (state === 'free') continue
    const owner = state === 'in-use' ? ((await portOwner(port)) ?? {}) : {}
    const free = await freePortNear(port, promised)
    // Two ports of one plan are not to get the same alternative.
    if (free !== undefined) promised.add(free)
    blocked.push({ service: spec.service, port, name, owner, free: free ?? 0, state })
  }
  return blocked
}

/** Every number that a service has or is to have: chosen ones, and the declared ones that it goes back to. */
export const numbersOf = ({ ports, declared = {} }: Pick<RunSpec, 'ports' | 'declared'>): number[] => [
  ...Object.values(ports),
  ...Object.values(declared),
]

/** The failure of the first port that a service cannot have. */
export async function blockedPort(
  spec: RunSpec,
  record: ServiceRecord | undefined,
  others: readonly ServiceRecord[],
): Promise<Failure | undefined> {
  const taken = [...numbersOf(spec), ...others.flatMap(({ ports }) => Object.values(ports))]
  const [first] = await blockedPorts(spec, record, taken)
  if (!first) return undefined
  const { service, state, owner } = first
  return {
    code: state === 'in-use' ? 'port-in-use' : 'port-not-usable',
    message: portText(first),
    service,
    next: portMends(first),
    ...(owner.command !== undefined && { why: `its command is ${owner.command}` }),
    outcome: 'unchanged',
  }
}

/** What keeps a port from a service, in one sentence with its owner and a free alternative. */
export function portText({ service, name, port, owner, free, state }: BlockedPort): string {
  const what = `port ${port} (${name} of ${service})`
  const instead = free === 0 ? '' : `; ${free} is free`
  if (state === 'denied') return `${what} cannot be used: ports below 1024 need root${instead}`
  if (state === 'no-such-address') return `${what} cannot be used: this machine has no address 127.0.0.1`
  return `${what} is in use by ${ownerText(owner)}${instead}`
}

/** What to type about it. */
const portMends = ({ owner, free, service }: BlockedPort): string[] => [
  ...(free === 0 ? [] : [`task services up ${service} --resolve-ports   # uses ${free}`]),
  ...(owner.pid === undefined ? [] : [`kill ${owner.pid}   # ends ${shortCommand(owner)}`]),
]

function ownerText(owner: PortOwner): string {
  if (owner.pid !== undefined) return `${shortCommand(owner)} (pid ${owner.pid}${owner.user ? `, ${owner.user}` : ''})`
  return owner.user ? `a process of ${owner.user}` : 'another process'
}

const shortCommand = ({ command }: PortOwner): string => {
  const text = command ?? 'a process'
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

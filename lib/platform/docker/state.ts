import type { Fingerprint } from '../../model/desired.ts'
import type { HealthStatus, ObservedService, ServiceState, ServiceStatus } from '../../model/snapshot.ts'
import { type Container, isLitter, sameParts } from './containers.ts'

/** What the containers of an environment say of its services, by name. Never from memory: each word of it is the engine's. */
export function observedServices(containers: Container[], now: Date): Record<string, ObservedService> {
  return Object.fromEntries(
    [...grouped(containers)].map(([service, own]) => [service, observedService(service, own, now)]),
  )
}

/** The same as a status gives it: with the host's ports by the names that the catalogue gives the containers'. */
export const serviceStates = (
  containers: Container[],
  now: Date,
  publishedOf: (service: string) => readonly { container: number; name: string }[],
): ServiceState[] =>
  Object.values(observedServices(containers, now)).map(({ fingerprint: _, ...state }) => ({
    ...state,
    ports: namedPorts(state.ports, publishedOf(state.service)),
  }))

function namedPorts(
  ports: Record<string, number>,
  published: readonly { container: number; name: string }[],
): Record<string, number> {
  const names = new Map(published.map(({ container, name }) => [String(container), name]))
  return Object.fromEntries(Object.entries(ports).map(([number, host]) => [names.get(number) ?? number, host]))
}

function grouped(containers: Container[]): Map<string, Container[]> {
  const groups = new Map<string, Container[]>()
  for (const container of containers) {
    groups.set(container.service, [...(groups.get(container.service) ?? []), container])
  }
  return groups
}

/** One service as its containers say; kept ones say only that they are there. */
export function observedService(service: string, all: Container[], now: Date): ObservedService {
  const at = now.toISOString()
  const kept = all.some((container) => container.kept)
  const present = all.filter((container) => !container.kept)
  const begun = present.filter((container) => !isLitter(container))
  const own = begun.length > 0 ? begun : present
  const ended = own.filter(isFinished)
  // What ran to its end beside what goes on running is done.
  const states = (ended.length < own.length ? own.filter((one) => !isFinished(one)) : own).map((one) =>
    stateOf(one, now),
  )
  const worst = states.reduce<ContainerState | undefined>(
    (found, state) => (found === undefined || order[state.status] > order[found.status] ? state : found),
    undefined,
  )
  const main = own.find((container) => container.composeService === service) ?? own[0]
  const fingerprint = commonFingerprint(own)
  const started = own
    .flatMap(({ startedAt, status }) => (status === 'running' && startedAt ? [startedAt] : []))
    .sort()[0]
  const exited = own.find(({ status }) => status === 'exited')
  const reason = states.map((state) => state.reason).find((text) => text !== undefined)
  return {
    service,
    status: worst?.status ?? 'stopped',
    health: healthOf(own),
    ...(reason !== undefined && { reason }),
    ports: Object.fromEntries(
      own.flatMap(({ published }) => published.map(({ container, host }) => [String(container), host])),
    ),
    ...(main && main.pid > 0 && { pid: main.pid }),
    ...(started !== undefined && { startedAt: started, uptimeMs: Math.max(0, now.getTime() - Date.parse(started)) }),
    restarts: own.reduce((sum, { restarts }) => sum + restarts, 0),
    ...(exited && { exit: { status: exited.exitCode, at: exited.finishedAt ?? at } }),
    ...(main?.release !== undefined && { release: main.release }),
    last_updated: at,
    ...(fingerprint && { fingerprint }),
    ...(own.some(({ status }) => status === 'restarting') && { retrying: true as const }),
    ...(kept && { kept: true as const }),
  }
}

const isFinished = ({ oneShot, status, exitCode }: Container): boolean =>
  oneShot && status === 'exited' && exitCode === 0

/** Which state of several containers is the service's: the worst. */
const order: Record<ServiceStatus, number> = { running: 0, stopped: 1, pending: 2, error: 3 }

type ContainerState = { status: ServiceStatus; reason?: string }

function stateOf(container: Container, now: Date): ContainerState {
  const { status, oneShot, exitCode, restartPolicy } = container
  switch (status) {
    case 'running':
      return isCrashing(container, now)
        ? { status: 'error', reason: `crash loop: restarted ${container.restarts} times` }
        : { status: 'running' }
    case 'restarting':
      return { status: 'error', reason: `crash loop: ${endText(container)}, restarted ${container.restarts} times` }
    case 'created':
      return { status: 'stopped', reason: container.error === '' ? 'made and not started' : container.error }
    case 'exited':
    case 'dead': {
      if (exitCode === 0 && !container.oomKilled) return { status: 'stopped' }
      const asked = restartPolicy === 'always' || restartPolicy === 'unless-stopped'
      if (asked && !container.oomKilled && !oneShot) return { status: 'stopped', reason: endText(container) }
      return { status: 'error', reason: endText(container) }
    }
    default:
      return { status: 'pending', reason: `the engine says ${status}` }
  }
}

/** The engine forgets how often it has started a container anew once that has run for ten seconds; so long a crash loop runs at times. */
const settledMs = 10_000

const isCrashing = ({ restarts, startedAt }: Container, now: Date): boolean =>
  restarts > 1 && startedAt !== undefined && now.getTime() - Date.parse(startedAt) < settledMs

/** How a container's process ended, in words. */
export function endText({ exitCode, oomKilled, memoryBytes, error }: Container): string {
  if (oomKilled) {
    const limit = memoryBytes > 0 ? ` (its limit is ${Math.round(memoryBytes / 1024 ** 2)} MiB)` : ''
    return `killed for want of memory${limit}`
  }
  if (error !== '') return error
  return exitCode > 128 ? `ended by signal ${exitCode - 128}` : `ended with status ${exitCode}`
}

/** `unknown` where no container has a health check of its own, or one has not said anything yet. */
function healthOf(containers: Container[]): HealthStatus {
  const said = containers.filter(({ status }) => status === 'running').flatMap(({ health }) => health ?? [])
  if (said.includes('unhealthy')) return 'unhealthy'
  return said.length > 0 && !said.includes('starting') ? 'healthy' : 'unknown'
}

/** Containers that a dead run has made only in part differ from the others. */
function commonFingerprint(containers: Container[]): Fingerprint | undefined {
  const [first, ...others] = containers.map(({ fingerprint }) => fingerprint)
  if (!first) return undefined
  return others.every((other) => other && sameParts(first, other)) ? first : undefined
}

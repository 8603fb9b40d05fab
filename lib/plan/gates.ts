import type { ResolvedHealth } from '../model/desired.ts'
import { parseDuration } from '../model/duration.ts'
import type { EnvironmentConfiguration } from '../model/environment.ts'
import type { OpOf } from '../model/op.ts'
import type { Target } from './target.ts'

/** How gates wait, where the policy says so. */
export type GatePolicy = Partial<Pick<ResolvedHealth, 'intervalMs' | 'passes' | 'deadlineMs'>>

/** The policy of an environment's deploys as gates take it. */
export function gatePolicy({ deploy: { gate: said = {} } }: EnvironmentConfiguration): GatePolicy {
  const { interval, passes, deadline } = said
  const intervalMs = interval === undefined ? undefined : parseDuration(interval)
  const deadlineMs = deadline === undefined ? undefined : parseDuration(deadline)
  return {
    ...(intervalMs !== undefined && { intervalMs }),
    ...(passes !== undefined && { passes }),
    ...(deadlineMs !== undefined && { deadlineMs }),
  }
}

/** The gate of a service; its timeout leaves room beyond the gate's own deadline. */
export function gate(target: Target, policy: GatePolicy = {}): OpOf<'wait-gate'> {
  const own = target.spec as NonNullable<Target['spec']>
  const spec = { ...own, health: { ...own.health, ...policy } }
  return {
    id: `gate:${target.service}`,
    kind: 'wait-gate',
    after: [],
    cause: 'a service is done when its gate passed',
    changes: false,
    service: target.service,
    timeoutMs: spec.health.deadlineMs + 10_000,
    data: { service: target.service, spec },
  }
}

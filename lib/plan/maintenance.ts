import type { Desired } from '../model/desired.ts'
import type { Op } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { ProxyAdapterName } from '../model/service.ts'

/** A proxy of an environment. */
export type ProxyService = { service: string; adapter: ProxyAdapterName }

/** The environment's proxies: services that send requests to others. */
export const proxiesOf = ({ services }: Desired): ProxyService[] =>
  services.flatMap(({ name, configuration: { docker } }) =>
    docker?.proxy ? [{ service: name, adapter: docker.proxy.adapter }] : [],
  )

/** Puts all proxies into maintenance, or takes them out of it; nothing for those that are so already. */
export function planMaintenance(desired: Desired, on: boolean, now: readonly (ProxyService & { on: boolean })[]): Plan {
  const ops = now
    .filter((proxy) => proxy.on !== on)
    .map(
      ({ service, adapter }): Op => ({
        id: `maintenance:${service}`,
        kind: 'set-maintenance',
        after: [],
        cause: 'asked for',
        changes: true,
        service,
        timeoutMs: 60_000,
        data: { service, adapter, on },
      }),
    )
  return {
    operation: `maintenance ${on ? 'on' : 'off'}`,
    environment: desired.environment,
    ops,
    findings: [],
    notes: [],
  }
}

import type { Op, OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { chain } from './roll.ts'
import { isUp } from './target.ts'

/**
 * After a failed `services up`: what was replaced by containers that have not passed their gate runs again. Only what ran before, and only on an
 * engine, which keeps it; elsewhere the plan is empty.
 * @param failed the plan that failed
 * @param before what was observed when it was made
 * @param now what is observed after it
 * @param isDone whether an op of it was done
 */
export function planBringBack(failed: Plan, before: Snapshot, now: Snapshot, isDone: (id: string) => boolean): Plan {
  const gates = failed.ops.filter((op): op is OpOf<'wait-gate'> => op.kind === 'wait-gate')
  const ops = gates.flatMap(({ id, data: { service, spec } }): Op[] => {
    const was = before.services[service]
    const ran = was?.kept === true || isUp(was)
    if (now.services[service]?.kept === undefined || !ran || isDone(id)) return []
    return chain([bringBack(service, spec), gateOfOld(service, spec)], [])
  })
  return { operation: 'go back', environment: failed.environment, ops, findings: [], notes: [] }
}

type Spec = OpOf<'wait-gate'>['data']['spec']

const bringBack = (service: string, spec: Spec): Op => ({
  id: `back:${service}`,
  kind: 'bring-back',
  after: [],
  cause: 'what replaced it has failed',
  changes: true,
  service,
  timeoutMs: 120_000 + spec.graceMs,
  data: { service, spec },
})

/** The probes are those of what failed; of what was there before only the engine can say that it is well. */
const gateOfOld = (service: string, spec: Spec): Op => ({
  id: `gate:${service}`,
  kind: 'wait-gate',
  after: [],
  cause: 'a service is back when its containers run',
  changes: false,
  service,
  timeoutMs: spec.health.deadlineMs + 10_000,
  data: { service, spec: { ...spec, health: { ...spec.health, probes: [] } } },
})

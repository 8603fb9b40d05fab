import type { OpEnd } from '../log/events.ts'
import type { Failure } from '../model/failure.ts'
import type { Op, OpId } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'

/** What became of the services of a plan in which a failure took down only what depends on it. Each in the plan's order. */
export type Partly = {
  /** Changed, and ready. */
  done: string[]
  failed: { service: string; reason: string }[]
  /** `because`: the services that failed, or, where it was none's own, the ops. */
  skipped: { service: string; because: string[] }[]
}

/** Sorts the services of a plan by how their ops ended. */
export function partlyDone(
  plan: Pick<Plan, 'ops'>,
  ended: ReadonlyMap<OpId, OpEnd>,
  failures: readonly Failure[],
): Partly {
  const partly: Partly = { done: [], failed: [], skipped: [] }
  const byId = new Map(plan.ops.map((op) => [op.id, op]))
  for (const [service, ops] of servicesOf(plan.ops)) {
    const failed = ops.find(({ id }) => isFailed(ended.get(id)))
    const skipped = ops.find(({ id }) => ended.get(id) === 'skipped')
    if (failed) {
      const failure = failures.find(({ op }) => op === failed.id)
      partly.failed.push({ service, reason: failure ? reasonOf(failure, service) : `${failed.id} failed` })
    } else if (skipped) {
      partly.skipped.push({ service, because: rootsOf(skipped, byId, ended) })
    } else if (ops.some(({ changes }) => changes)) partly.done.push(service)
  }
  return partly
}

const isFailed = (end: OpEnd | undefined): boolean => end === 'failed' || end === 'aborted'

function servicesOf(ops: readonly Op[]): Map<string, Op[]> {
  const services = new Map<string, Op[]>()
  for (const op of ops) {
    if (op.service !== undefined) services.set(op.service, [...(services.get(op.service) ?? []), op])
  }
  return services
}

/** One line, without the name that stands beside it. */
function reasonOf({ message, why }: Failure, service: string): string {
  const text = message.startsWith(`${service} `) ? message.slice(service.length + 1) : message
  return [text, why].filter(Boolean).join(': ').split('\n')[0] as string
}

/** What failed that a skipped op waited for, however far. */
function rootsOf(skipped: Op, byId: ReadonlyMap<OpId, Op>, ended: ReadonlyMap<OpId, OpEnd>): string[] {
  const roots = new Set<string>()
  const seen = new Set<OpId>()
  const waiting = [skipped]
  for (let op = waiting.pop(); op; op = waiting.pop()) {
    for (const id of op.after) {
      const before = byId.get(id)
      if (!before || seen.has(id)) continue
      seen.add(id)
      if (isFailed(ended.get(id))) roots.add(before.service ?? id)
      else if (ended.get(id) === 'skipped') waiting.push(before)
    }
  }
  return [...roots].sort()
}

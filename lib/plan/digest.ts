import { createHash } from 'node:crypto'
import type { Op, OpId } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'

/** JSON with sorted keys, so that equal data have equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex')

/** What identifies an op for approval: its kind, place in the graph and data; not its cause, which may speak of health or age. */
const opDigest = (op: Op): string =>
  hash(
    canonical({
      id: op.id,
      kind: op.kind,
      after: [...op.after].sort(),
      afterEnd: op.afterEnd && op.afterEnd.length > 0 ? [...op.afterEnd].sort() : undefined,
      changes: op.changes,
      data: op.data,
    }),
  )

/** A digest of all ops with their before- and after-values (secrets are keyed digests already), and of the release that becomes current. 16 hex digits. */
export const planDigest = (plan: Plan): string =>
  hash(canonical([plan.operation, plan.environment, plan.target ?? null, plan.ops.map(opDigest)])).slice(0, 16)

/** How a plan made anew differs from the approved one. */
export type PlanDifference = { added: OpId[]; changed: string[]; gone: OpId[] }

/**
 * Compares a plan made anew with the approved one. Ops that are gone are fine (somebody did them meanwhile), and so is an op that
 * waited for such a one; an added or changed op is not approved.
 */
export function comparePlans(approved: Plan, now: Plan): PlanDifference {
  const before = new Map(approved.ops.map((op) => [op.id, op]))
  const present = new Set(now.ops.map((op) => op.id))
  const difference: PlanDifference = { added: [], changed: [], gone: [] }
  for (const op of now.ops) {
    const old = before.get(op.id)
    if (!old) difference.added.push(op.id)
    else if (opDigest(op) !== opDigest(waitingFor(old, present))) {
      difference.changed.push(op.id)
    }
  }
  // A rollback to another release is another plan, also where the same ops lead there.
  if (now.target !== undefined && now.target !== approved.target) difference.changed.push(`release ${now.target}`)
  difference.gone = approved.ops.map((op) => op.id).filter((id) => !present.has(id))
  return difference
}

/** An op that waits for no more than what there is. */
const waitingFor = (op: Op, present: ReadonlySet<OpId>): Op => ({
  ...op,
  after: op.after.filter((id) => present.has(id)),
  ...(op.afterEnd && { afterEnd: op.afterEnd.filter((id) => present.has(id)) }),
})

/** Whether the new plan may run in place of the approved one. */
export const isApproved = ({ added, changed }: PlanDifference): boolean => added.length === 0 && changed.length === 0

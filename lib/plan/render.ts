import type { Op, OpKindName } from '../model/op.ts'
import { opKinds } from '../model/ops/index.ts'
import type { OpKindDefinition } from '../model/ops/shared.ts'
import type { Plan } from '../model/plan.ts'
import { isEmpty } from '../model/plan.ts'

/** What an op does, in one line, without its cause. */
export function opText(op: Op): string {
  const kind = opKinds[op.kind as OpKindName] as OpKindDefinition<never>
  return kind.text(op.data as never)
}

const removing: ReadonlySet<string> = new Set([
  'stop-service',
  'prune-releases',
  'prune-backups',
  'remove-leftover',
  'remove-object',
  'drop-colour',
])
const replacing: ReadonlySet<string> = new Set(['switch-traffic', 'shift-replicas'])

/** `+` makes, `~` replaces, `-` takes away, `!` loses data, `·` changes nothing by itself. */
function sign(op: Op): string {
  if (op.destructive) return '!'
  if (!op.changes) return '·'
  if (removing.has(op.kind)) return '-'
  if (replacing.has(op.kind)) return '~'
  if (op.kind === 'start-service' && op.data.before !== null) return '~'
  return '+'
}

/**
 * A plan as text: a line per op with its id, what it does and why, then what it waits for where that is not the line above, then the
 * planner's notes. The same text for people, for `--dry-run` and for the planners' tests.
 */
export function renderPlan(plan: Plan): string {
  const title = `${plan.operation} ${plan.environment}`
  if (isEmpty(plan)) {
    return [`${title}: nothing to do`, ...plan.notes.map((note) => `  note: ${note}`)].join('\n')
  }
  const changes = plan.ops.filter((op) => op.changes).length
  const width = Math.max(...plan.ops.map((op) => op.id.length))
  const lines = plan.ops.map((op, index) => {
    const previous = plan.ops[index - 1]
    const obvious = op.after.length === 0 ? index === 0 : op.after.length === 1 && op.after[0] === previous?.id
    const waits = obvious ? '' : op.after.length === 0 ? ' [at once]' : ` [after ${op.after.join(', ')}]`
    const ends = op.afterEnd?.length ? ` [with or without ${op.afterEnd.join(', ')}]` : ''
    return `  ${sign(op)} ${op.id.padEnd(width)}  ${opText(op)}${op.changes ? ` — ${op.cause}` : ''}${waits}${ends}`
  })
  const head = `${title}: ${changes} ${changes === 1 ? 'change' : 'changes'}`
  return [head, ...lines, ...plan.notes.map((note) => `  note: ${note}`)].join('\n')
}

import type { Finding } from '../../lib/model/finding.ts'
import { nearest } from '../../lib/model/nearest.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { TaskContext } from '../../lib/task/definition.ts'

/**
 * Adds what is known of a plan's hooks before it runs: each names a task of the Taskfile. For a deploy an unknown one is an error, also of
 * the moments after a failure, which the plan does not show. A way back is not stopped by one: there it only warns.
 */
export function withHookFindings(plan: Plan, tasks: Pick<TaskContext['tasks'], 'find' | 'names'>): Plan {
  const known = (name: string) => tasks.find(name) !== undefined
  const planned = plan.ops.flatMap((op) => (op.kind === 'run-hook' ? [op.data] : []))
  const recorded = Object.entries(plan.release?.hooks ?? {}).flatMap(([moment, hooks]) =>
    hooks.map(({ task }) => ({ moment, task })),
  )
  const all = plan.release ? recorded : planned
  const unknown = new Map(
    all.filter(({ task }) => !known(task)).map(({ moment, task }) => [`${moment} ${task}`, { moment, task }]),
  )
  if (unknown.size === 0) return plan
  const findings = [...unknown.values()].map(({ moment, task }): Finding => {
    const close = nearest(task, tasks.names)
    return {
      rule: 'unknown-hook-task',
      severity: plan.release ? 'error' : 'warning',
      message: `the hook ${moment} names the task ${task}, which the Taskfile does not have${close === undefined ? '' : `; did you mean ${close}?`}`,
      mend: 'task --list',
    }
  })
  const ops = plan.release
    ? plan.ops
    : plan.ops.map((op) =>
        op.kind === 'run-hook' && !known(op.data.task) ? { ...op, data: { ...op.data, onError: 'warn' as const } } : op,
      )
  return { ...plan, ops, findings: [...plan.findings, ...findings] }
}

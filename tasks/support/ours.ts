import type { Task } from '../../lib/task/definition.ts'

const known = new WeakSet<object>()

/** Notes that a task is one of ours, whatever a Taskfile calls by the same name. */
export function ours<Own extends object>(task: Own): Own {
  known.add(task)
  return task
}

/** Whether a task is one that was noted so. */
export const isOurs = (task: Task | undefined): boolean => task !== undefined && known.has(task)

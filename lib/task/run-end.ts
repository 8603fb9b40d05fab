import type { WalkEnd } from '../execute/walk.ts'
import type { Redactor } from '../log/redact.ts'
import type { TaskEvent } from './events.ts'
import { reasonText } from './execute-task.ts'
import type { Roles, TaskNode } from './graph.ts'

/**
 * What became of a task that was asked for. `skipped`: its condition did not hold. `failed`: `task` is the label of the one that failed, which
 * may be one that it needs. `stopped`: it did not run to its end because of another one's failure.
 */
export type TaskEnd =
  | { state: 'done'; value: unknown }
  | { state: 'skipped'; reason: string }
  | { state: 'failed'; error: unknown; task: string }
  | { state: 'stopped' }

/** A failure, and the label of the task whose it is. */
export type TaskFailure = { error: unknown; task: string }

/** What became of an invocation: of each task that was asked for, in their order, and all failures in the order of time. */
export type RunEnd = { ends: TaskEnd[]; failures: TaskFailure[] }

/** A graph that was walked. */
export type Walked = { nodes: readonly TaskNode[]; roles: Roles; ends: ReadonlyMap<string, WalkEnd<unknown>> }

/** What is known of failures. */
export type Blame = {
  /** The label of the task whose an error is; of one that no task threw, that of the node. */
  label(id: string, error?: unknown): string
  /** When a node failed, beside others. */
  order(id: string): number
  /** What ended the walk early, if nothing in it did. */
  reason(): unknown
}

/** The failures of a walk in the order of time, each once; when there are none, but not all is done, what ended the walk. */
export function failuresOf({ ends, roles }: Walked, blame: Blame): TaskFailure[] {
  const failed: { id: string; error: unknown }[] = []
  let isAllDone = true
  for (const [id, end] of ends) {
    if (end.state === 'done') continue
    isAllDone = false
    if (end.state === 'failed' && !roles.tolerated.has(id)) failed.push({ id, error: end.error })
  }
  if (isAllDone) return []
  if (failed.length > 0) {
    const known = new Set<unknown>()
    return failed
      .sort((a, b) => blame.order(a.id) - blame.order(b.id))
      .filter(({ error }) => !known.has(error) && known.add(error))
      .map(({ id, error }) => ({ error, task: blame.label(id, error) }))
  }
  const early = [...ends].filter(
    ([id, { state }]) => state === 'aborted' || (state === 'skipped' && !roles.tolerated.has(id)),
  )
  const [cause] = [...early.filter(([, { state }]) => state === 'aborted'), ...early]
  if (!cause) return []
  const [id, end] = cause
  const error = end.state === 'aborted' ? end.error : blame.reason()
  return [{ error, task: blame.label(id, error) }]
}

/** What became of the tasks that were asked for. */
export function endOf(roots: readonly TaskNode[], walked: Walked, blame: Blame): RunEnd {
  const failures = failuresOf(walked, blame)
  const only = roots.length === 1 ? failures[0] : undefined
  const skips = new Map<string, string>()
  for (const { id, skip } of walked.nodes) if (skip !== undefined) skips.set(id, skip)
  const ends = roots.map(({ id }): TaskEnd => {
    const end = walked.ends.get(id)
    const reason = skips.get(id)
    if (end?.state === 'done')
      return reason === undefined ? { state: 'done', value: end.value } : { state: 'skipped', reason }
    if (only) return { state: 'failed', ...only }
    return end?.state === 'failed'
      ? { state: 'failed', error: end.error, task: blame.label(id, end.error) }
      : { state: 'stopped' }
  })
  return { ends, failures }
}

/** Tells of those that never began because of another one. */
export function skippedEvents({ ends }: Walked, blame: Blame): TaskEvent[] {
  return [...ends].flatMap(([id, end]) => {
    if (end.state !== 'skipped' || end.because === undefined) return []
    const state = ends.get(end.because)?.state === 'skipped' ? 'did not run' : 'failed'
    const message = `${blame.label(end.because)} ${state}`
    return [{ type: 'task-ended', task: blame.label(id), state: 'skipped', durationMs: 0, message }]
  })
}

/** Tells why those failed that need not have succeeded: nothing else does. */
export function toleratedEvents({ ends, roles }: Walked, blame: Blame, redactor: Redactor): TaskEvent[] {
  return [...roles.tolerated].flatMap((id): TaskEvent[] => {
    const end = ends.get(id)
    if (end?.state !== 'failed') return []
    const text = `failed, and need not have succeeded${reasonText(end.error, { redactor })}`
    return [{ type: 'message', task: blame.label(id), level: 'warning', text }]
  })
}

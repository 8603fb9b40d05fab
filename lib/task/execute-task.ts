import { formatDuration, parseDuration } from '../model/duration.ts'
import { FailureError } from '../model/failure.ts'
import { isFinished, OutcomeError, type TaskContext } from './definition.ts'
import type { TaskNode } from './graph.ts'
import type { Retry } from './options.ts'
import { type ScopeOptions, TaskScope } from './task-scope.ts'

/** What running a task takes. */
export type ExecuteOptions = ScopeOptions & {
  /** Completes the context. */
  context(own: TaskScope, attempt: number): TaskContext
  /** Waits before the next attempt; the task's place is free meanwhile. Rejects when the task is to end. */
  wait(ms: number): Promise<void>
}

/** The longest wait between two attempts, in milliseconds. */
const longestWait = 300_000

/**
 * Runs a task, as often as its `retry` says, with the `$`, signal and log of its own, and gives its result. Rejects with what it throws, with
 * its timeout, or with an `OutcomeError` when its outcome is not `done`. When this settles, all commands that it has started are gone.
 */
export async function executeTask(node: TaskNode, options: ExecuteOptions): Promise<unknown> {
  const { emit, label, signal } = options
  const { retry, deprecated } = node.task.definition
  const started = performance.now()
  const ended = (state: 'done' | 'failed' | 'aborted') =>
    emit({ type: 'task-ended', task: label, state, durationMs: performance.now() - started })
  emit({ type: 'task-started', task: label, at: started })
  if (deprecated !== undefined) {
    emit({ type: 'message', task: label, level: 'warning', text: `${node.name} is deprecated: ${deprecated}` })
  }
  for (let count = 1; ; count += 1) {
    try {
      const value = await attempt(node, options, count)
      ended('done')
      return value
    } catch (error) {
      const waitMs = signal.aborted ? undefined : waitBefore(retry, count, error)
      if (waitMs === undefined) {
        ended(signal.aborted ? 'aborted' : 'failed')
        throw error
      }
      const text = `attempt ${count} failed${reasonText(error, options)}; again in ${formatDuration(waitMs)}`
      emit({ type: 'message', task: label, level: 'warning', text })
      try {
        await options.wait(waitMs)
      } catch (reason) {
        ended('aborted')
        throw reason
      }
    }
  }
}

async function attempt(node: TaskNode, options: ExecuteOptions, count: number): Promise<unknown> {
  const { definition } = node.task
  const scope = new TaskScope(node.name, options)
  const span = definition.timeout === undefined ? undefined : parseDuration(definition.timeout)
  if (span !== undefined) scope.limit(span)
  try {
    const returned: unknown = definition.run(options.context(scope, count))
    const value = isPromise(returned) ? await scope.bounded(returned) : returned
    if (scope.hasCommands) {
      for (const text of await scope.endCommands()) scope.log.warn(`ended a command that nobody waited for: ${text}`)
    }
    // What returns after its time was up has not been in time.
    if (scope.late) throw scope.late
    if (!isFinished(value)) return value
    if (value.outcome !== 'done') throw new OutcomeError(node.name, value)
    return value.result
  } catch (error) {
    if (scope.hasCommands) await scope.endCommands()
    throw scope.late ?? error
  } finally {
    scope.dispose()
  }
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

/**
 * How long to wait before the next attempt, in milliseconds; undefined when there is none. The wait doubles each time; up to a quarter is
 * taken off by chance, so that what failed together does not come back together. A decision is not tried again: a usage error, a
 * declined question, an outcome that is not simply `failed`.
 */
function waitBefore(retry: number | Retry | undefined, count: number, error: unknown): number | undefined {
  if (retry === undefined) return undefined
  const { times, backoff = '1s' } = typeof retry === 'number' ? { times: retry } : retry
  if (count > times) return undefined
  const outcome =
    error instanceof FailureError ? error.outcome : error instanceof OutcomeError ? error.finished.outcome : 'failed'
  if (outcome !== 'failed') return undefined
  const whole = Math.min(longestWait, (parseDuration(backoff) ?? 0) * 2 ** (count - 1))
  return whole * (1 - Math.random() / 4)
}

function reasonText(error: unknown, { redactor }: ExecuteOptions): string {
  const { exitCode, signal } = (error ?? {}) as { exitCode?: unknown; signal?: unknown }
  if (typeof signal === 'string') return `: a command was ended by ${signal}`
  if (typeof exitCode === 'number') return `: a command ended with status ${exitCode}`
  return error instanceof Error ? `: ${redactor.text(error.message.split('\n')[0] ?? '')}` : ''
}

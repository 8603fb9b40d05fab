import { formatDuration, parseDuration } from '../model/duration.ts'
import { FailureError } from '../model/failure.ts'
import { isFinished, OutcomeError } from './definition.ts'
import type { TaskNode } from './graph.ts'
import type { Retry } from './options.ts'
import { type ContextHost, OwnContext } from './task-context.ts'
import { type OwnSurroundings, type SharedSurroundings, TaskScope } from './task-scope.ts'

/** What the tasks of an invocation share. */
export type TaskHost = ContextHost &
  SharedSurroundings & {
    /** Waits before a task's next attempt; its place is free meanwhile. Rejects when the task is to end. */
    wait(node: TaskNode, ms: number, signal: AbortSignal): Promise<void>
  }

/** The longest wait between two attempts, in milliseconds. */
const longestWait = 300_000

/**
 * Runs a task, as often as its `retry` says, with the `$`, signal and log of its own, and gives its result. Rejects with what it throws, with
 * its timeout, or with an `OutcomeError` when its outcome is not `done`. When this settles, all commands that it has started are gone.
 */
export async function executeTask(
  node: TaskNode,
  needs: Readonly<Record<string, unknown>>,
  own: OwnSurroundings,
  host: TaskHost,
): Promise<unknown> {
  const { label, signal } = own
  const { definition } = node.task
  const { timeout, retry, deprecated } = definition
  const span = timeout === undefined ? undefined : parseDuration(timeout)
  const started = performance.now()
  host.emit({ type: 'task-started', task: label, at: started })
  if (deprecated !== undefined) say(host, label, `${node.name} is deprecated: ${deprecated}`)
  for (let count = 1; ; count += 1) {
    const scope = new TaskScope(node.name, own, host)
    if (span !== undefined) scope.limit(span)
    try {
      const returned: unknown = definition.run(new OwnContext(node, scope, host, needs, count))
      const value = isPromise(returned) ? await scope.bounded(returned) : returned
      if (scope.hasCommands) {
        for (const text of await scope.endCommands()) scope.log.warn(`ended a command that nobody waited for: ${text}`)
      }
      // What returns after its time was up has not been in time.
      if (scope.late) throw scope.late
      const result = isFinished(value) ? resultOf(node, value) : value
      host.emit({ type: 'task-ended', task: label, state: 'done', durationMs: performance.now() - started })
      return result
    } catch (thrown) {
      if (scope.hasCommands) await scope.endCommands()
      const error = scope.late ?? thrown
      const waitMs = signal.aborted ? undefined : waitBefore(retry, count, error)
      if (waitMs === undefined || !(await waited(node, { error, count, waitMs, label, signal }, host))) {
        const state = signal.aborted ? 'aborted' : 'failed'
        host.emit({ type: 'task-ended', task: label, state, durationMs: performance.now() - started })
        throw error
      }
    } finally {
      scope.dispose()
    }
  }
}

/** The result of a task that ended with an outcome. */
function resultOf({ name }: TaskNode, finished: ConstructorParameters<typeof OutcomeError>[1]): unknown {
  if (finished.outcome !== 'done') throw new OutcomeError(name, finished)
  return finished.result
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

type Failed = { error: unknown; count: number; waitMs: number; label: string; signal: AbortSignal }

/** Waits before the next attempt; false when there is to be none after all. */
async function waited(
  node: TaskNode,
  { error, count, waitMs, label, signal }: Failed,
  host: TaskHost,
): Promise<boolean> {
  say(host, label, `attempt ${count} failed${reasonText(error, host)}; again in ${formatDuration(waitMs)}`)
  try {
    await host.wait(node, waitMs, signal)
    return true
  } catch {
    return false
  }
}

const say = (host: TaskHost, task: string, text: string): void =>
  host.emit({ type: 'message', task, level: 'warning', text })

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

/** Why a task failed, in one line behind what is said of it; empty when it does not say. */
export function reasonText(error: unknown, { redactor }: Pick<TaskHost, 'redactor'>): string {
  const { exitCode, signal } = (error ?? {}) as { exitCode?: unknown; signal?: unknown }
  if (typeof signal === 'string') return `: a command was ended by ${signal}`
  if (typeof exitCode === 'number') return `: a command ended with status ${exitCode}`
  return error instanceof Error ? `: ${redactor.text(error.message.split('\n')[0] ?? '')}` : ''
}

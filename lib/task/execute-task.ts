import { formatDuration, parseDuration } from '../model/duration.ts'
import { FailureError } from '../model/failure.ts'
import { isFinished, OutcomeError } from './finish.ts'
import type { TaskNode } from './graph.ts'
import type { Retry } from './options.ts'
import { type ContextHost, OwnContext, type TaskRunParts } from './task-context.ts'
import type { OwnSurroundings, SharedSurroundings } from './task-scope.ts'

/** What the tasks of an invocation share. */
export type TaskHost = ContextHost &
  SharedSurroundings & {
    /** Waits before a task's next attempt; its place is free meanwhile. Rejects when the task is to end. */
    wait(node: TaskNode, ms: number, signal: AbortSignal): Promise<void>
  }

/** The longest wait between two attempts, in milliseconds. */
const longestWait = 300_000

/** An attempt that has begun: what the task's code gave at once, or threw. */
type Attempt = { context: OwnContext; returned?: unknown; thrown?: unknown; hasThrown: boolean }

/** A run of a task. */
type Run = TaskRunParts & {
  host: TaskHost
  /** When it began, as `performance.now()` has it. */
  started: number
}

/**
 * Runs a task, as often as its `retry` says, with the `$`, signal and log of its own, and gives its result; at once where its code returned at once,
 * and left nothing to wait for. Rejects with what it throws, with its timeout, or with an `OutcomeError` when its outcome is not `done`. When
 * this settles, all commands that it has started are gone.
 */
export function executeTask(
  node: TaskNode,
  needs: TaskRunParts['needs'],
  own: OwnSurroundings,
  host: TaskHost,
): Promise<unknown> | unknown {
  const { label } = own
  const { deprecated } = node.task.definition
  const started = performance.now()
  host.emit({ type: 'task-started', task: label, at: started })
  if (deprecated !== undefined) say(host, label, `${node.name} is deprecated: ${deprecated}`)
  const run: Run = { node, needs, own, host, started }
  const first = attempt(run, 1)
  const { context, returned } = first
  const scope = OwnContext.usedScope(context)
  if (first.hasThrown || isPromise(returned) || scope?.hasCommands || scope?.late || isFinished(returned)) {
    return executeOn(run, first)
  }
  scope?.dispose()
  host.emit({ type: 'task-ended', task: label, state: 'done', durationMs: performance.now() - started })
  return returned
}

function attempt(run: Run, count: number): Attempt {
  const { definition } = run.node.task
  const context = new OwnContext(run, count)
  if (definition.timeout !== undefined) {
    const span = parseDuration(definition.timeout)
    if (span !== undefined) OwnContext.scope(context).limit(span)
  }
  try {
    return { context, returned: definition.run(context), hasThrown: false }
  } catch (thrown) {
    return { context, thrown, hasThrown: true }
  }
}

/** Waits for an attempt to end, and makes others where it has failed. */
async function executeOn(run: Run, first: Attempt): Promise<unknown> {
  const { node, host, started } = run
  const { label, signal } = run.own
  let begun = first
  for (let count = 1; ; count += 1) {
    if (count > 1) begun = attempt(run, count)
    const { context, returned } = begun
    const scope = OwnContext.scope(context)
    try {
      if (begun.hasThrown) throw begun.thrown
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
      const waitMs = signal.aborted ? undefined : waitBefore(node.task.definition.retry, count, error)
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

import { setMaxListeners } from 'node:events'
import type { Redactor } from '../log/redact.ts'
import { formatDuration, parseDuration } from '../model/duration.ts'
import { FailureError } from '../model/failure.ts'
import { createCommandRunner } from './command-runner.ts'
import { isFinished, OutcomeError, type TaskContext, type TaskLog } from './definition.ts'
import type { TaskEvent } from './events.ts'
import type { TaskNode } from './graph.ts'

/** The part of a task's context that is made for one run of it. */
export type OwnContext = Pick<TaskContext, '$' | 'signal' | 'log' | 'step'>

/** What one run of a task is given. */
export type ExecuteOptions = {
  /** Under which its events are told. */
  label: string
  /** The working folder of its commands. */
  folder: string
  env: Readonly<Record<string, string | undefined>>
  redactor: Redactor
  /** stdout is for the JSON alone. */
  stdoutTaken: boolean
  /** Aborts the task; the task's own signal also ends with its timeout. */
  signal: AbortSignal
  emit(event: TaskEvent): void
  /** How long it may go on after it was told to end, in milliseconds. */
  graceMs: number
  /** Completes the context. */
  context(own: OwnContext): TaskContext
}

/**
 * Runs a task once, with the `$`, signal and log of its own, and gives its result. Rejects with what it throws, with its timeout, or with an
 * `OutcomeError` when its outcome is not `done`. When this settles, all commands that it has started are gone.
 */
export async function executeTask({ name, task }: TaskNode, options: ExecuteOptions): Promise<unknown> {
  const { emit, label, redactor, signal: outer } = options
  const own = new AbortController()
  // Every command and every call of another task listens.
  setMaxListeners(0, own.signal)
  const stop = () => own.abort(outer.reason)
  if (outer.aborted) stop()
  outer.addEventListener('abort', stop, { once: true })
  const limit = startLimit(name, task.definition.timeout, own)
  const commands = createCommandRunner({
    folder: options.folder,
    env: options.env,
    signal: own.signal,
    redactor,
    stdoutTaken: options.stdoutTaken,
    onCommand: (text) => emit({ type: 'command', task: label, text }),
    onOutput: (stream, data) => emit({ type: 'output', task: label, stream, data }),
    onTerminal: (lent) => emit({ type: 'terminal-lent', task: label, lent }),
  })
  const say = (level: 'info' | 'warning' | 'error') => (text: string) =>
    emit({ type: 'message', task: label, level, text: redactor.text(String(text)) })
  const log: TaskLog = Object.assign(say('info'), { warn: say('warning'), error: say('error') })
  const started = performance.now()
  const ended = (state: 'done' | 'failed' | 'aborted') =>
    emit({ type: 'task-ended', task: label, state, durationMs: performance.now() - started })
  emit({ type: 'task-started', task: label, at: started })
  try {
    const context = options.context({ $: commands.$, signal: own.signal, log, step: stepper(label, emit) })
    const work = (async () => task.definition.run(context))()
    const value = await bounded(work, own.signal, options.graceMs, () =>
      log.warn(`did not end within ${formatDuration(options.graceMs)} of being told to, and is left behind`),
    )
    for (const text of await commands.end()) log.warn(`ended a command that nobody waited for: ${redactor.text(text)}`)
    // What returns after its time was up has not been in time.
    if (limit.failure()) throw limit.failure()
    if (isFinished(value) && value.outcome !== 'done') throw new OutcomeError(name, value)
    ended('done')
    return isFinished(value) ? value.result : value
  } catch (error) {
    await commands.end()
    ended(outer.aborted ? 'aborted' : 'failed')
    throw limit.failure() ?? error
  } finally {
    limit.clear()
    outer.removeEventListener('abort', stop)
  }
}

/** Aborts a task when its time is up; `failure` says so from then on. */
function startLimit(
  name: string,
  timeout: string | undefined,
  own: AbortController,
): { failure(): FailureError | undefined; clear(): void } {
  const span = timeout === undefined ? undefined : parseDuration(timeout)
  if (span === undefined) return { failure: () => undefined, clear: () => {} }
  let failure: FailureError | undefined
  const timer = setTimeout(() => {
    if (own.signal.aborted) return
    const message = `task ${name} took longer than ${formatDuration(span)}, and was ended`
    failure = new FailureError({ code: 'task-timeout', message, outcome: 'failed' })
    own.abort(failure)
  }, span)
  return { failure: () => failure, clear: () => clearTimeout(timer) }
}

/** A task's own code cannot be ended from outside: when it goes on after it was told to end, it is not waited for. */
async function bounded<Value>(
  work: Promise<Value>,
  signal: AbortSignal,
  graceMs: number,
  onLate: () => void,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  let watch = () => {}
  const late = new Promise<never>((_, reject) => {
    watch = () => {
      timer = setTimeout(() => {
        onLate()
        reject(signal.reason)
      }, graceMs)
    }
  })
  if (signal.aborted) watch()
  else signal.addEventListener('abort', watch, { once: true })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', watch)
  }
}

function stepper(task: string, emit: (event: TaskEvent) => void): TaskContext['step'] {
  return async (title, work) => {
    const started = performance.now()
    const ended = (ok: boolean) =>
      emit({ type: 'step-ended', task, title, ok, durationMs: performance.now() - started })
    emit({ type: 'step-started', task, title })
    try {
      const value = await work()
      ended(true)
      return value
    } catch (error) {
      ended(false)
      throw error
    }
  }
}

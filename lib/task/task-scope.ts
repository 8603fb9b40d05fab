import { setMaxListeners } from 'node:events'
import type { Redactor } from '../log/redact.ts'
import { formatDuration } from '../model/duration.ts'
import { FailureError } from '../model/failure.ts'
import { type CommandRunner, createCommandRunner } from './command-runner.ts'
import type { TaskContext, TaskLog } from './definition.ts'
import type { TaskEvent } from './events.ts'

/** What the runs of tasks share. */
export type SharedSurroundings = {
  readonly redactor: Redactor
  /** stdout is for the JSON alone. */
  readonly stdoutTaken: boolean
  emit(event: TaskEvent): void
  /** How long a task may go on after it was told to end, in milliseconds. */
  readonly graceMs: number
}

/** What one run of a task is given. */
export type OwnSurroundings = {
  /** Under which its events are told. */
  readonly label: string
  /** The working folder of its commands. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts the task; the task's own signal also ends with its timeout. */
  readonly signal: AbortSignal
}

/**
 * The part of a task's context that is made for one attempt at it. Nothing of it is there before it is first used: a task that does
 * little shall cost little.
 */
export class TaskScope {
  readonly #name: string
  readonly #given: OwnSurroundings
  readonly #shared: SharedSurroundings
  #stop: (() => void) | undefined
  #own: AbortController | undefined
  #commands: CommandRunner | undefined
  #log: TaskLog | undefined
  #timer: NodeJS.Timeout | undefined
  #late: FailureError | undefined

  constructor(name: string, given: OwnSurroundings, shared: SharedSurroundings) {
    this.#name = name
    this.#given = given
    this.#shared = shared
  }

  /** The environment of the task's commands. */
  get env(): OwnSurroundings['env'] {
    return this.#given.env
  }

  /** The task's own signal. */
  get signal(): AbortSignal {
    return this.#controller().signal
  }

  /** The task's `$`. */
  get $(): TaskContext['$'] {
    this.#commands ??= this.#commandRunner()
    return this.#commands.$
  }

  /** The task's log. */
  get log(): TaskLog {
    const { label } = this.#given
    const { emit, redactor } = this.#shared
    const say = (level: 'info' | 'warning' | 'error') => (text: string) =>
      emit({ type: 'message', task: label, level, text: redactor.text(String(text)) })
    this.#log ??= Object.assign(say('info'), { warn: say('warning'), error: say('error') })
    return this.#log
  }

  /** The task's `step`. */
  get step(): TaskContext['step'] {
    const { label: task } = this.#given
    const { emit } = this.#shared
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

  /** Set when the task's time was up. */
  get late(): FailureError | undefined {
    return this.#late
  }

  /** Aborts the task when its time, in milliseconds, is up. */
  limit(span: number): void {
    const own = this.#controller()
    this.#timer = setTimeout(() => {
      if (own.signal.aborted) return
      const message = `task ${this.#name} took longer than ${formatDuration(span)}, and was ended`
      this.#late = new FailureError({ code: 'task-timeout', message, outcome: 'failed' })
      own.abort(this.#late)
    }, span)
  }

  /** A task's own code cannot be ended from outside: when it goes on after it was told to end, it is not waited for. */
  async bounded(work: PromiseLike<unknown>): Promise<unknown> {
    const { graceMs } = this.#shared
    const signal = this.#own?.signal ?? this.#given.signal
    let timer: NodeJS.Timeout | undefined
    let watch = () => {}
    try {
      return await new Promise((resolve, reject) => {
        watch = () => {
          timer = setTimeout(() => {
            this.log.warn(`did not end within ${formatDuration(graceMs)} of being told to, and is left behind`)
            reject(signal.reason)
          }, graceMs)
        }
        if (signal.aborted) watch()
        else signal.addEventListener('abort', watch, { once: true })
        work.then(resolve, reject)
      })
    } finally {
      if (timer !== undefined) clearTimeout(timer)
      signal.removeEventListener('abort', watch)
    }
  }

  /** Ends the commands that still run; gives their texts, without secrets. */
  async endCommands(): Promise<string[]> {
    const texts = (await this.#commands?.end()) ?? []
    return texts.map((text) => this.#shared.redactor.text(text))
  }

  /** Whether a command was ever started, or could have been. */
  get hasCommands(): boolean {
    return this.#commands !== undefined
  }

  /** Lets go of all that would keep the process. */
  dispose(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    if (this.#stop !== undefined) this.#given.signal.removeEventListener('abort', this.#stop)
  }

  #controller(): AbortController {
    if (this.#own === undefined) {
      const { signal } = this.#given
      const own = new AbortController()
      this.#own = own
      // Every command and every call of another task listens.
      setMaxListeners(0, own.signal)
      this.#stop = () => own.abort(signal.reason)
      if (signal.aborted) this.#stop()
      else signal.addEventListener('abort', this.#stop, { once: true })
    }
    return this.#own
  }

  #commandRunner(): CommandRunner {
    const { label, folder, env } = this.#given
    const { emit, redactor, stdoutTaken } = this.#shared
    return createCommandRunner({
      folder,
      env,
      signal: this.signal,
      redactor,
      stdoutTaken,
      onCommand: (text) => emit({ type: 'command', task: label, text }),
      onOutput: (stream, data) => emit({ type: 'output', task: label, stream, data }),
      onTerminal: (lent, alone) => emit({ type: 'terminal-lent', task: label, lent, ...(alone ? { alone } : {}) }),
    })
  }
}

/**
 * How a run of a task ended. `up-to-date`: nothing had to be done. `restored`: its outputs came from the cache. `skipped`: it never
 * began (its condition did not hold, or what it needs failed). `aborted`: it was told to end.
 */
export type TaskEndState = 'done' | 'up-to-date' | 'restored' | 'skipped' | 'failed' | 'aborted'

/**
 * What tasks say while they run, to whoever shows or keeps it. `task` is the label of a task's run: its name, and where one name runs with
 * several arguments, also these. No two runs of one invocation share a label.
 */
export type TaskEvent =
  /**
   * Said before tasks start, with all that are known by then; a task that runs another later says it again. `needs` holds, for those that
   * need others, their labels; `by` is the task that runs them from its code.
   */
  | { type: 'tasks-planned'; tasks: readonly string[]; needs: Readonly<Record<string, readonly string[]>>; by?: string }
  /** `at` is the time of `performance.now()`: reading the clock costs more than all that a small task does. */
  | { type: 'task-started'; task: string; at: number }
  /** `message` says why, as far as it did not simply succeed; without secrets. */
  | { type: 'task-ended'; task: string; state: TaskEndState; durationMs: number; message?: string }
  | { type: 'command'; task: string; text: string }
  | { type: 'output'; task: string; stream: 'stdout' | 'stderr'; data: Uint8Array }
  | { type: 'message'; task: string; level: 'info' | 'warning' | 'error'; text: string }
  | { type: 'step-started'; task: string; title: string }
  | { type: 'step-ended'; task: string; title: string; ok: boolean; durationMs: number }
  /** A command of the task has the terminal itself (`stdio: 'inherit'`), or no longer. `alone`: it also reads from it, and may draw on all of it. */
  | { type: 'terminal-lent'; task: string; lent: boolean; alone?: true }

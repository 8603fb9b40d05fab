/** What tasks say while they run, to whoever shows it. `task` is the name under which a task runs. */
export type TaskEvent =
  /** Said before tasks start, with all that are known by then; a task that runs another later says it again. */
  | { type: 'tasks-planned'; tasks: readonly string[] }
  | { type: 'task-started'; task: string }
  | { type: 'task-ended'; task: string; state: 'done' | 'failed' | 'aborted'; durationMs: number }
  | { type: 'command'; task: string; text: string }
  | { type: 'output'; task: string; stream: 'stdout' | 'stderr'; data: Uint8Array }
  | { type: 'message'; task: string; level: 'info' | 'warning' | 'error'; text: string }
  | { type: 'step-started'; task: string; title: string }
  | { type: 'step-ended'; task: string; title: string; ok: boolean; durationMs: number }

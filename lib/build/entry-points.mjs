// @ts-check

/**
 * What becomes a file of dist; `alone`, it shares no file with others, and is of that kind (a `script` is an expression, a function
 * that gives what it exports). A `program` can be started by its name.
 *
 * @typedef {{ name: string, source: string, alone?: 'module' | 'commonjs' | 'script', program?: true }} EntryPoint
 */

/**
 * What becomes a file of dist.
 *
 * @type {EntryPoint[]}
 */
export const entryPoints = [
  // What bin/task is a link to: it has what is cached answer, or hands over to the pack of `task`.
  { name: 'start', source: 'lib/cli/start.ts', alone: 'commonjs', program: true },
  // The answers.
  { name: 'answer', source: 'lib/cli/start-answer.ts', alone: 'script' },
  // The status of migrations, where it is known what to ask.
  { name: 'status', source: 'lib/cli/start-status.ts', alone: 'script' },
  // The status of services on Docker, where it is known what to ask.
  { name: 'services', source: 'lib/cli/start-services.ts', alone: 'script' },
  // The `task` command, for who imports it: it runs when it is loaded.
  { name: 'task', source: 'lib/cli/main.ts' },
  // The same for `start`, in the pack.
  { name: 'command', source: 'lib/cli/command.ts' },
  // Completion, where it cannot be told from what is cached.
  { name: 'complete', source: 'lib/cli/completion/main.ts' },
  // What the scripts in a workspace's bin/ import.
  { name: 'entry', source: 'lib/cli/entry.ts' },
  // What a Taskfile imports as `vital-ops`.
  { name: 'index', source: 'lib/index.ts' },
  // What a Taskfile imports as `vital-ops/zx`.
  { name: 'zx', source: 'lib/zx.ts' },
  // What a Taskfile imports as `vital-ops/operations`.
  { name: 'operations', source: 'tasks/index.ts' },
  // The process that keeps local services; it is started by its path. It outlives an upgrade of this package, so it must find nothing missing
  // that it loads later.
  { name: 'supervisor', source: 'lib/platform/local/supervisor/main.ts', alone: 'module' },
  // What receives the WAL of a database; the supervisor starts it, and starts it again after an upgrade.
  { name: 'wal', source: 'lib/backup/wal/main.ts', alone: 'module' },
]

// @ts-check

/**
 * What becomes a file of dist. `required: false` is skipped while its source does not exist.
 *
 * @type {{ name: string, source: string, required: boolean }[]}
 */
export const entryPoints = [
  // The `task` command, which bin/ imports.
  { name: 'task', source: 'lib/cli/main.ts', required: true },
  // What the scripts in a workspace's bin/ import.
  { name: 'entry', source: 'lib/cli/entry.ts', required: true },
  // What a Taskfile imports as `vital-ops`.
  { name: 'index', source: 'lib/index.ts', required: true },
  // What a Taskfile imports as `vital-ops/operations`.
  { name: 'operations', source: 'tasks/index.ts', required: false },
  // The process that keeps local services; it is started by its path.
  { name: 'supervisor', source: 'lib/platform/local/supervisor/main.ts', required: true },
]

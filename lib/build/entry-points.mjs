// @ts-check

/**
 * What becomes a file of dist.
 *
 * @type {{ name: string, source: string, alone?: boolean }[]}
 */
export const entryPoints = [
  // The `task` command, which bin/ imports.
  { name: 'task', source: 'lib/cli/main.ts' },
  // What the scripts in a workspace's bin/ import.
  { name: 'entry', source: 'lib/cli/entry.ts' },
  // What a Taskfile imports as `vital-ops`.
  { name: 'index', source: 'lib/index.ts' },
  // What a Taskfile imports as `vital-ops/operations`.
  { name: 'operations', source: 'tasks/index.ts' },
  // The process that keeps local services; it is started by its path. It outlives an upgrade of this package, so it must find nothing missing
  // that it loads later.
  { name: 'supervisor', source: 'lib/platform/local/supervisor/main.ts', alone: true },
]

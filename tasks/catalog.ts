import { flag } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import type { Scope } from './support/flags.ts'

/** `task catalog`: writes CATALOG.md, the quick reference of tasks, services, environments and migrations. */
export const catalogTask = (scope: Scope) =>
  task({
    description: 'Write CATALOG.md: tasks, entry points, services, environments',
    group: 'operations',
    args: { check: flag().describe('fail when CATALOG.md is not current; writes nothing') },
    run: async (context) => (await import('./support/run-catalog.ts')).runCatalog(scope, context),
    render: (result, view) => result.text(view),
  })

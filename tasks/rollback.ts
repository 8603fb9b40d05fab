import { flag, number, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task rollback <environment> [--to N]`: back to a healthy release, from its record alone. */
export const rollbackTask = (scope: Scope) =>
  task({
    description: 'Go back to the last healthy release, or to --to N; needs no working tree',
    group: 'operations',
    args: {
      environment: text().positional().describe('the environment'),
      to: number({ integer: true, min: 1 }).optional().describe('a release number, see `task releases`'),
      withDatabase: flag().describe('undo what was migrated since that release, after a backup'),
      ...planArguments,
      ...platformArgument,
    },
    run: async (context) => (await import('./support/run-rollback.ts')).runRollback(scope, context),
    render: (result, view) => result.text(view),
  })

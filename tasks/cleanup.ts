import { flag, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task cleanup <environment>`: removes what nobody needs from the environment's engine. */
export const cleanupTask = (scope: Scope) =>
  task({
    description: 'Remove what nobody needs any more: containers, networks, anonymous volumes, images of old releases',
    group: 'operations',
    args: {
      environment: text().positional().describe('the environment'),
      volumes: flag().describe(
        "named volumes that no container uses too, with their data; asks for the environment's name",
      ),
      ...planArguments,
      ...platformArgument,
    },
    run: async (context) => (await import('./support/run-cleanup.ts')).runCleanup(scope, context),
    render: (result, view) => result.text(view),
  })

import { text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { planArguments, platformArgument, portsArgument, type Scope } from './support/flags.ts'

/** `task setup [environment|k8s|all]`: from an empty folder to a running stack; a second run changes nothing. */
export const setupTask = (scope: Scope) =>
  task({
    description: 'Set an environment up: requirements, .env, databases, migrations, seeds, services',
    group: 'operations',
    args: {
      target: text().positional().default('dev').describe('an environment, `k8s`, or `all`'),
      ...planArguments,
      ...platformArgument,
      ...portsArgument,
    },
    run: async (context) => (await import('./support/run-setup.ts')).runSetup(scope, context),
    render: (result, view) => result.text(view),
  })

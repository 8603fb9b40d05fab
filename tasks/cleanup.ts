import { flag, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task cleanup <environment>`: removes what nobody needs from the environment's engine or cluster; an environment on this machine leaves nothing. */
export const cleanupTask = (scope: Scope) =>
  task({
    description:
      'Remove what nobody needs any more: from an engine containers, networks, images; from a cluster values of old releases',
    group: 'operations',
    args: {
      environment: text().positional().describe('the environment'),
      volumes: flag().describe(
        "also named volumes that no container uses, or claims that no pod mounts, with their data; asks for the environment's name",
      ),
      pruneData: flag().describe(
        "on a cluster: claims of StatefulSets that are gone and namespaces that nobody uses too, with everything in them; asks for the environment's name",
      ),
      ...planArguments,
      ...platformArgument,
    },
    run: async (context) => (await import('./support/run-cleanup.ts')).runCleanup(scope, context),
    render: (result, view) => result.text(view),
  })

import { flag } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, platformArgument, type Scope } from './support/flags.ts'

/** `task releases [environment]`: what was deployed, how it ended, and where a rollback would go. */
export const releasesTask = (scope: Scope) =>
  task({
    description: 'The releases of an environment: number, revision, when, by whom, how it ended',
    group: 'operations',
    args: { ...environmentPositional, ...platformArgument, json: flag().describe('print the result as JSON') },
    run: async (context) => (await import('./support/run-releases.ts')).runReleases(scope, context),
    render: (result, view) => result.text(view),
  })

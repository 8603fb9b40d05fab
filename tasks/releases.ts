import { flag, number } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, platformArgument, type Scope } from './support/flags.ts'

const json = flag().describe('print the result as JSON')

/** `task releases [environment]`: what was deployed, how it ended, and where a rollback would go; `show N`: one of them whole. */
export const releasesTask = (scope: Scope) =>
  task({
    description: 'The releases of an environment: number, revision, when, by whom, how it ended',
    group: 'operations',
    defaultCommand: 'list',
    commands: {
      list: task({
        description: 'All releases, newest first',
        args: { ...environmentPositional, ...platformArgument, json },
        run: async (context) => (await import('./support/run-releases.ts')).runReleases(scope, context),
        render: (result, view) => result.text(view),
      }),
      show: task({
        description:
          'One release: what each service runs, its images, its variables (secrets as references), the schema',
        args: {
          release: number({ integer: true, min: 1 }).positional().describe('its number'),
          ...environmentPositional,
          ...platformArgument,
          json,
        },
        run: async (context) => (await import('./support/run-releases.ts')).showRelease(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

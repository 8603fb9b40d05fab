import { duration, flag } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, platformArgument, type Scope } from './support/flags.ts'

/** `task health-check [environment]`: every probe at once, each with its own deadline. Exit 0 or 1. */
export const healthCheckTask = (scope: Scope) =>
  task({
    description: "Run every service's probes; exit 0 when all pass",
    group: 'operations',
    args: {
      ...environmentPositional,
      ...platformArgument,
      wait: duration().optional().describe('try again until all pass, at most this long'),
      watch: flag().describe('show it again as it changes'),
      json: flag().describe('print the result as JSON'),
    },
    run: async (context) => (await import('./support/run-health-check.ts')).runHealthCheck(scope, context),
    render: (result, view) => result.text(view),
  })

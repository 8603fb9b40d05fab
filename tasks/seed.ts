import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task seed [environment]`: what is new or changed of database/seeds/<environment>. */
export const seedTask = (scope: Scope) =>
  task({
    description: "Run the environment's seeds that are new or changed (database/seeds/<environment>)",
    group: 'operations',
    args: { ...environmentPositional, ...platformArgument, ...planArguments },
    run: async (context) => (await import('./support/run-seed.ts')).runSeed(scope, context),
    render: (result, view) => result.text(view),
  })

import { flag } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task migrate [up|status] [environment]`. */
export const migrateTask = (scope: Scope) =>
  task({
    description: "Apply the database's pending migrations, or show where it stands",
    group: 'operations',
    defaultCommand: 'up',
    commands: {
      up: task({
        description: 'Apply the pending migrations in version order',
        args: { ...environmentPositional, ...platformArgument, ...planArguments },
        run: async (context) => (await import('./support/run-migrate.ts')).runMigrate(scope, context),
        render: (result, view) => result.text(view),
      }),
      status: task({
        description: 'Applied, pending, changed and missing migrations, and what to do about them',
        args: { ...environmentPositional, ...platformArgument, json: flag().describe('print the result as JSON') },
        run: async (context) => (await import('./support/run-migrate.ts')).runMigrationStatus(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

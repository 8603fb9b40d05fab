import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, type Scope } from './support/flags.ts'

/** `task maintenance on|off|status <environment>`: the environment's proxy answers 503, or lets requests through. */
export const maintenanceTask = (scope: Scope) =>
  task({
    description: "Have an environment's proxy answer 503 to every request, or let them through again",
    group: 'operations',
    defaultCommand: 'status',
    commands: {
      on: task({
        description: 'Answer 503 to every request, until it is switched off',
        args: { ...environmentPositional, ...planArguments },
        run: async (context) => (await import('./support/run-maintenance.ts')).runMaintenance(scope, context, true),
        render: (result, view) => result.text(view),
      }),
      off: task({
        description: 'Let requests through again',
        args: { ...environmentPositional, ...planArguments },
        run: async (context) => (await import('./support/run-maintenance.ts')).runMaintenance(scope, context, false),
        render: (result, view) => result.text(view),
      }),
      status: task({
        description: 'Whether it is on',
        args: { ...environmentPositional, json: planArguments.json },
        run: async (context) => (await import('./support/run-maintenance.ts')).runMaintenanceStatus(scope, context),
        render: (result) => result.text(),
      }),
    },
  })

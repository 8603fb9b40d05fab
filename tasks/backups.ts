import { flag, number } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, platformArgument, type Scope } from './support/flags.ts'

const json = flag().describe('print the result as JSON')

/** `task backups [environment]`, `task backups show N [environment]`. */
export const backupsTask = (scope: Scope) =>
  task({
    description: 'The backups of an environment: when, what, where, verified or not',
    group: 'operations',
    defaultCommand: 'list',
    commands: {
      list: task({
        description: 'All backups, oldest first, with the rules that keep them',
        args: { ...environmentPositional, ...platformArgument, json },
        run: async (context) => (await import('./support/run-backups.ts')).runBackups(scope, context),
        render: (result, view) => result.text(view),
      }),
      show: task({
        description: 'A backup: its files, sources, targets and drills',
        args: {
          backup: number({ integer: true, min: 1 }).positional().describe('its number'),
          ...environmentPositional,
          ...platformArgument,
          json,
        },
        run: async (context) => (await import('./support/run-backups.ts')).runShow(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

import { flag, number, path, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task restore <environment>`: a backup beside what is there, compared, and then in its place. */
export const restoreTask = (scope: Scope) =>
  task({
    description: 'Restore a backup: beside what is there, compared, then in its place by renaming',
    group: 'operations',
    args: {
      environment: text().positional().describe('the environment'),
      backup: number({ integer: true, min: 1 })
        .optional()
        .describe('its number, see `task backups`; default is the newest'),
      to: text()
        .optional()
        .describe("to a moment, with its zone: '2026-11-20 12:00:00+00'; for what is backed up with pointInTime"),
      into: text().optional().describe('as another database, which stays beside the one that is there'),
      tables: text().repeated().describe('only these tables (schema.table), with --into'),
      source: text().repeated().describe('only this of what the backup has; default is all but the configuration'),
      mapRole: text().repeated().describe('old=new: what belonged to one role belongs to another'),
      identity: path().optional().describe('file with the private key, as age-keygen writes it'),
      noSafetyBackup: flag().describe('do not back up first what is overwritten'),
      ...planArguments,
      ...platformArgument,
    },
    run: async (context) => (await import('./support/run-restore.ts')).runRestore(scope, context),
    render: (result, view) => result.text(view),
  })

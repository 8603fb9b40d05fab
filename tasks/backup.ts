import { choice, flag, number, path, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'

const which = {
  backup: number({ integer: true, min: 1 })
    .optional()
    .describe('its number, see `task backups`; default is the newest'),
  identity: path().optional().describe('file with the private key, as age-keygen writes it'),
}

/** `task backup wal status|start|stop [environment]` */
const walTask = (scope: Scope) =>
  task({
    description: 'What receives the WAL of the database, for restoring to any moment',
    defaultCommand: 'status',
    commands: {
      status: task({
        description: 'Whether it is received, what the server keeps for it, and which times can be restored',
        args: { ...environmentPositional, ...platformArgument, json: flag().describe('print the result as JSON') },
        run: async (context) => (await import('./support/run-wal.ts')).runWalStatus(scope, context),
        render: (result, view) => result.text(view),
      }),
      start: task({
        description: 'Receive it again; `task backup` does so by itself',
        args: { ...environmentPositional, ...platformArgument, ...planArguments },
        run: async (context) => (await import('./support/run-wal.ts')).runWalStart(scope, context),
        render: (result, view) => result.text(view),
      }),
      stop: task({
        description: 'Receive no more, and remove the slot by which the server keeps it',
        args: { ...environmentPositional, ...platformArgument, ...planArguments },
        run: async (context) => (await import('./support/run-wal.ts')).runWalStop(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

/** `task backup [environment]`, `task backup drill|check|schedule|prune [environment]`. */
export const backupTask = (scope: Scope) =>
  task({
    description: 'Take a backup, prove one by restoring it, look whether all is well',
    group: 'operations',
    defaultCommand: 'take',
    commands: {
      take: task({
        description: 'Back an environment up into all its targets, and remove what the policy does not keep',
        args: { ...environmentPositional, ...platformArgument, ...planArguments },
        run: async (context) => (await import('./support/run-backup.ts')).runBackup(scope, context),
        render: (result, view) => result.text(view),
      }),
      drill: task({
        description: 'Restore a backup into a scratch server and compare everything: only this makes it verified',
        args: {
          ...environmentPositional,
          ...which,
          to: text()
            .optional()
            .describe(
              "to a moment, with its zone: '2026-11-20 12:00:00+00'; read through, there is nothing to compare",
            ),
          ...platformArgument,
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-backup.ts')).runDrill(scope, context),
        render: (result, view) => result.text(view),
      }),
      check: task({
        description: 'Read backups through, and fail when no young enough one was verified',
        args: {
          ...environmentPositional,
          ...platformArgument,
          all: flag().describe('read every backup through, and not only the newest'),
          json: flag().describe('print the result as JSON'),
        },
        run: async (context) => (await import('./support/run-backups.ts')).runCheck(scope, context),
        render: (result, view) => result.text(view),
      }),
      schedule: task({
        description:
          'What takes backups and drills them by itself: timers of systemd, lines for cron, jobs of a cluster',
        args: {
          ...environmentPositional,
          as: choice(['systemd', 'cron', 'kubernetes'])
            .optional()
            .describe('default is what this system or platform has'),
          to: path().optional().describe('write the files into this folder, in place of showing them'),
          image: text().optional().describe('kubernetes: an image with Node, this workspace and its tools'),
          secret: text()
            .optional()
            .describe('kubernetes: the Secret with the values of the .env file; default <name>-<environment>'),
          size: text().default('20Gi').describe('kubernetes: how large a volume is claimed for backups in a folder'),
          json: flag().describe('print the result as JSON'),
        },
        run: async (context) => (await import('./support/run-backup-schedule.ts')).runSchedule(scope, context),
        render: (result, view) => result.text(view),
      }),
      prune: task({
        description: 'Remove what the policy does not keep; --dry-run shows which rule keeps what',
        args: { ...environmentPositional, ...platformArgument, ...planArguments },
        run: async (context) => (await import('./support/run-backup.ts')).runPrune(scope, context),
        render: (result, view) => result.text(view),
      }),
      wal: walTask(scope),
    },
  })

import { duration, flag, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'

const common = { ...environmentPositional, ...platformArgument }

/** `task db:wait`, `db:shell`, `db:reset`, `db:maintain`. */
export const databaseTasks = (scope: Scope) => ({
  wait: task({
    description: "Wait until the environment's database takes connections",
    group: 'operations',
    args: {
      ...common,
      timeout: duration().default('60s').describe('how long at most'),
      json: flag().describe('print the result as JSON'),
    },
    run: async (context) => (await import('./support/run-db.ts')).runWait(scope, context),
    render: (result, view) => result.text(view),
  }),
  shell: task({
    description: "A prompt on the environment's database: psql where it is installed; reads only where it is protected",
    group: 'operations',
    args: {
      ...common,
      command: text().optional().alias('c').describe('run this statement and end'),
      admin: flag().describe("as the server's administrator, not as the database's owner"),
      write: flag().describe('may also change a protected environment, whose name is asked for'),
      confirm: text().optional().describe("the environment's name, typed, for --write on a protected one"),
    },
    run: async (context) => (await import('./support/run-db-shell.ts')).runShell(scope, context),
  }),
  reset: task({
    description: 'Drop the database of an environment for development, and make it anew with migrations and seeds',
    group: 'operations',
    args: { ...common, ...planArguments },
    run: async (context) => (await import('./support/run-db.ts')).runReset(scope, context),
    render: (result, view) => result.text(view),
  }),
  maintain: task({
    description: 'Vacuum, analyse and rebuild what its figures say needs it; delete what the policy does not keep',
    group: 'operations',
    args: { ...common, ...planArguments },
    run: async (context) => (await import('./support/run-db.ts')).runMaintain(scope, context),
    render: (result, view) => result.text(view),
  }),
})

import { choice, flag, number, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentFlag, environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'
import { ours } from './support/ours.ts'

const limits = {
  to: text().optional().describe('no further than this version'),
  steps: number({ integer: true, min: 1 }).optional().describe('no more than this many migrations'),
}
const json = { json: flag().describe('print the result as JSON') }
const formats = ['dbmate', 'golang-migrate', 'flyway', 'plain', 'ts'] as const

/** `task migrate [up|down|redo|status|…] [environment]`. */
export const migrateTask = (scope: Scope) =>
  task({
    description: "Apply the database's pending migrations, undo them, or show where it stands",
    group: 'operations',
    defaultCommand: 'up',
    commands: {
      up: task({
        description: 'Apply the pending migrations in version order',
        args: { ...environmentPositional, ...platformArgument, ...limits, ...planArguments },
        run: async (context) => (await import('./support/run-migrate.ts')).runMigrate(scope, context),
        render: (result, view) => result.text(view),
      }),
      down: task({
        description: 'Undo the last applied migration, or more of them, by their down parts',
        args: {
          ...environmentPositional,
          ...platformArgument,
          to: text().optional().describe('undo all that was applied after this version'),
          steps: limits.steps,
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-migrate.ts')).runDown(scope, context),
        render: (result, view) => result.text(view),
      }),
      redo: task({
        description: 'Undo the last applied migration and apply it again',
        args: { ...environmentPositional, ...platformArgument, ...planArguments },
        run: async (context) => (await import('./support/run-migrate.ts')).runRedo(scope, context),
        render: (result, view) => result.text(view),
      }),
      status: ours(
        task({
          description: 'Every migration with its state, and what to do about it',
          args: { ...environmentPositional, ...platformArgument, ...json },
          run: async (context) =>
            (await import('./support/run-migration-status.ts')).runMigrationStatus(scope, context),
          render: (result, view) => result.text(view),
        }),
      ),
      new: task({
        description: 'Write the file of a new migration',
        args: {
          name: text().positional().describe('what it does: add_label_to_hits'),
          ...environmentFlag,
          format: choice(formats).optional().describe('default is that of the newest migration'),
          ...json,
        },
        run: async (context) => (await import('./support/run-migration-files.ts')).runNewMigration(scope, context),
        render: (result) => result.text(),
      }),
      check: task({
        description: 'Compare the files with the ledger, and the live schema with the one that the migrations left',
        args: { ...environmentPositional, ...platformArgument, ...json },
        run: async (context) => (await import('./support/run-migration-check.ts')).runMigrationCheck(scope, context),
        render: (result, view) => result.text(view),
      }),
      lint: task({
        description: 'Find what is dangerous in the pending migrations before it runs',
        args: {
          ...environmentPositional,
          ...platformArgument,
          all: flag().describe('also those that are applied'),
          strict: flag().describe('fail for warnings, too'),
          ...json,
        },
        run: async (context) => (await import('./support/run-lint.ts')).runLint(scope, context),
        render: (result, view) => result.text(view),
      }),
      repair: task({
        description:
          'Make the ledger agree with the files: accept changed ones as they are, forget missing ones; runs nothing',
        args: {
          ...environmentPositional,
          ...platformArgument,
          version: text().repeated().describe('only this version; default is all that are changed or missing'),
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-ledger.ts')).runRepair(scope, context),
        render: (result, view) => result.text(view),
      }),
      baseline: task({
        description: 'Record the migrations up to a version as applied, without running them',
        args: {
          ...environmentPositional,
          ...platformArgument,
          to: text().describe('the last version that the schema has already'),
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-ledger.ts')).runBaseline(scope, context),
        render: (result, view) => result.text(view),
      }),
      import: task({
        description: "Take over another tool's history, without running anything",
        args: {
          tool: choice(['dbmate', 'flyway', 'golang-migrate']).positional().describe('whose'),
          ...environmentPositional,
          ...platformArgument,
          table: text().optional().describe("its history's table, where it is not the tool's default"),
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-ledger.ts')).runImport(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

import { choice, duration, number, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentFlag, planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task query [name] [--param value]`: queries with a name; without one, the list of them. */
export const queryTask = (scope: Scope) =>
  task({
    description: 'Run a query with a name (database/queries, and the built-in diagnostics), or list them',
    group: 'operations',
    args: {
      query: text()
        .positional()
        .optional()
        .complete(async () => (await import('./support/query-names.ts')).queryNames(scope))
        .describe('its name; without one, all are listed'),
      ...environmentFlag,
      ...platformArgument,
      param: text().repeated().undeclared().describe('a parameter of the query, as name=value; or simply --name value'),
      format: choice(['table', 'json', 'csv']).default('table').describe('how rows are printed'),
      maxRows: number({ integer: true, min: 1 }).default(10_000).describe('no more rows than this'),
      timeout: duration().optional().describe('in place of what the query says; 30s by default'),
      ...planArguments,
    },
    run: async (context) => (await import('./support/run-query.ts')).runQueryTask(scope, context),
    render: (result, view) => result.text(view),
  })

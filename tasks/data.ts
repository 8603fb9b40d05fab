import { choice, flag, path, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { environmentFlag, planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task data export|import|sync`: rows of tables as files, and back; from one environment to another. */
export const dataTask = (scope: Scope) =>
  task({
    description: 'Rows of tables as files, and back; and masked, from one environment to another',
    group: 'operations',
    commands: {
      export: task({
        description:
          'Write tables and queries into files of a folder, from one snapshot; goes on where it was broken off',
        args: {
          tables: text().positional().repeated().describe('only these tables; default is all, or none beside a query'),
          ...environmentFlag,
          ...platformArgument,
          out: path().describe('the folder, which is made'),
          query: text().optional().describe('the rows of a query with a name (task query)'),
          sqlFile: path().optional().describe('the rows of the SELECT in a file'),
          param: text().repeated().describe('a parameter of the query, as name=value'),
          format: choice(['csv', 'jsonl', 'parquet']).default('csv').describe('how rows are written'),
          json: flag().describe('print the result as JSON'),
        },
        run: async (context) => (await import('./support/run-data.ts')).runExport(scope, context),
        render: (result, view) => result.text(view),
      }),
      import: task({
        description: 'Take the files of an export into the tables; goes on where it was broken off',
        args: {
          folder: path().positional().describe('the folder of an export'),
          ...environmentFlag,
          ...platformArgument,
          replace: flag().describe('empty the tables first, in the same transaction'),
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-data.ts')).runImport(scope, context),
        render: (result, view) => result.text(view),
      }),
      sync: task({
        description: "Replace an environment's rows by those of another one, masked as database/masking.yaml says",
        args: {
          from: text().positional().describe('the environment whose rows are taken'),
          environment: text().positional().describe('the environment whose rows are replaced'),
          ...platformArgument,
          masking: path().optional().describe('the file of masks; default is database/masking.yaml'),
          rows: text()
            .repeated()
            .describe('begin with these rows: "users: id < 1000"; those that belong to them come along'),
          ...planArguments,
        },
        run: async (context) => (await import('./support/run-sync.ts')).runSync(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

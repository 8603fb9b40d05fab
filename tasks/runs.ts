import { choice, flag, number, path, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import type { Scope } from './support/flags.ts'

/** What `task runs` takes. */
export const listArguments = {
  last: number({ integer: true, min: 1 }).default(20).describe('how many'),
  kind: choice(['all', 'operations', 'tasks']).default('all').describe('those of which kind'),
}

/** What `task runs show` takes. */
export const showArguments = {
  run: text().positional().describe('its id, `last`, or its number from the newest, which is 1'),
  html: flag().describe('write its timeline as a page for a browser'),
  trace: flag().describe('write it as a trace for chrome://tracing or Perfetto'),
  out: path().optional().describe('where to; default is the folder of the run'),
}

const json = flag().describe('print the result as JSON')

/** `task runs` and `task runs show <id>`: who ran what, when, how it ended; and its events once more. */
export const runsTask = (scope: Scope) =>
  task({
    description: 'What was run: who, when, what, outcome, duration',
    group: 'operations',
    defaultCommand: 'list',
    commands: {
      list: task({
        description: 'The last runs, newest first',
        args: { ...listArguments, json },
        run: async (context) => (await import('./support/run-runs.ts')).runList(scope, context),
        render: (result, view) => result.text(view),
      }),
      show: task({
        description: 'The events of a run',
        args: { ...showArguments, json },
        run: async (context) => (await import('./support/run-runs.ts')).runShow(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

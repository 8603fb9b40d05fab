import { flag } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import type { Scope } from './support/flags.ts'

/** `task doctor`: what this machine has, what the workspace says wrong, what was left behind. Changes nothing. */
export const doctorTask = (scope: Scope) =>
  task({
    description: 'Check this machine and the workspace: tools, configuration, leftovers; changes nothing',
    group: 'operations',
    args: { json: flag().describe('print the result as JSON') },
    run: async (context) => (await import('./support/run-doctor.ts')).runDoctor(scope, context),
    render: (result, view) => result.text(view),
  })

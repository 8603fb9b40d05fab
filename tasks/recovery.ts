import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task resume [environment]`: finishes a deploy that was left unfinished. */
export const resumeTask = (scope: Scope) =>
  task({
    description: 'Finish the deploy that was left unfinished',
    group: 'operations',
    args: { ...environmentPositional, ...platformArgument, ...planArguments },
    run: async (context) => (await import('./support/run-recovery.ts')).runResume(scope, context),
    render: (result, view) => result.text(view),
  })

/** `task abort [environment]`: goes back from a deploy that was left unfinished. */
export const abortTask = (scope: Scope) =>
  task({
    description: 'Go back from the deploy that was left unfinished',
    group: 'operations',
    args: { ...environmentPositional, ...platformArgument, ...planArguments },
    run: async (context) => (await import('./support/run-recovery.ts')).runAbort(scope, context),
    render: (result, view) => result.text(view),
  })

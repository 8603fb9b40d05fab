import { task } from '../lib/task/definition.ts'
import { environmentPositional, planArguments, platformArgument, type Scope } from './support/flags.ts'

/** `task resume [environment]`: finishes a deploy that was left unfinished, or what `services up --resilient` could not bring up. */
export const resumeTask = (scope: Scope) =>
  task({
    description: 'Finish what was left unfinished: a deploy, or services that a resilient `up` left out',
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

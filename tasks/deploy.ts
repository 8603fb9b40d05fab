import { flag, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import { planArguments, platformArgument, portsArgument, type Scope, strictArgument } from './support/flags.ts'

/** `task deploy <environment> [service…]`: a release of a revision, gated, and back to the last healthy one when a gate fails. */
export const deployTask = (scope: Scope) =>
  task({
    description:
      'Deploy an environment: build, migrate, roll, gate, record; back to the last healthy release on failure',
    group: 'operations',
    args: {
      environment: text().positional().describe('the environment'),
      services: text().positional().repeated().describe('only these services; default is all'),
      revision: text().optional().describe('a tag, branch or commit; default is HEAD'),
      image: text()
        .repeated()
        .describe('service=reference@sha256:…: it runs this image, built elsewhere, in the place of its own'),
      allowDirty: flag().describe('take the working tree with its uncommitted changes'),
      ...planArguments,
      ...platformArgument,
      ...portsArgument,
      ...strictArgument,
    },
    run: async (context) => (await import('./support/run-deploy.ts')).runDeploy(scope, context),
    render: (result, view) => result.text(view),
  })

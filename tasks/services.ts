import { flag, number, text } from '../lib/task/arguments.ts'
import { task } from '../lib/task/definition.ts'
import {
  environmentFlag,
  planArguments,
  platformArgument,
  portsArgument,
  resilientArgument,
  type Scope,
  selectionArguments,
  strictArgument,
} from './support/flags.ts'
import { ours } from './support/ours.ts'

const common = { ...selectionArguments, ...environmentFlag, ...platformArgument }
const workingTree = { workingTree: flag().describe('run the working tree although there is a release') }

/** `task services up|down|restart|status|logs|exec|port-forward|pull|config [name…]`. */
export const servicesTask = (scope: Scope) =>
  task({
    description: 'Start, stop, restart and look at services',
    group: 'operations',
    defaultCommand: 'status',
    commands: {
      up: task({
        description: 'Start what does not run and replace what differs, in the order of dependencies',
        args: {
          ...common,
          ...workingTree,
          ...planArguments,
          ...portsArgument,
          ...strictArgument,
          ...resilientArgument,
        },
        run: async (context) => (await import('./support/run-services.ts')).runUp(scope, context),
        render: (result, view) => result.text(view),
      }),
      down: task({
        description: 'Stop services, in the reverse order of dependencies; data are kept',
        args: { ...common, ...planArguments },
        run: async (context) => (await import('./support/run-services.ts')).runDown(scope, context),
        render: (result, view) => result.text(view),
      }),
      restart: task({
        description: 'Stop services and start them again',
        args: { ...common, ...workingTree, ...planArguments },
        run: async (context) => (await import('./support/run-services.ts')).runRestart(scope, context),
        render: (result, view) => result.text(view),
      }),
      status: ours(
        task({
          description: 'What runs: status, health, ports, uptime, restarts',
          args: { ...common, watch: flag().describe('show it again as it changes'), json: planArguments.json },
          run: async (context) => (await import('./support/run-status.ts')).runStatus(scope, context),
          render: (result, view) => result.text(view),
        }),
      ),
      logs: task({
        description: 'The last log lines of services',
        args: {
          ...common,
          follow: flag().alias('f').describe('go on as lines come'),
          lines: number({ integer: true, min: 0 }).default(50).alias('n').describe('how many of the last lines'),
          json: flag().describe('print the lines as JSON; not of those that are followed'),
        },
        run: async (context) => (await import('./support/run-status.ts')).runLogs(scope, context),
      }),
      exec: task({
        description: 'Run a command inside of a service',
        args: {
          ...environmentFlag,
          ...platformArgument,
          service: text().positional().describe('the service'),
          command: text().positional().repeated().describe('the command; after -- when it has flags of its own'),
        },
        run: async (context) => (await import('./support/run-inside.ts')).runExec(scope, context),
      }),
      'port-forward': task({
        description: 'A port of a service on this machine, until it is interrupted',
        args: {
          ...environmentFlag,
          ...platformArgument,
          service: text().positional().describe('the service'),
          ports: text()
            .positional()
            .optional()
            .describe('local:remote, as 8080:http or :5432; default is its first port'),
        },
        run: async (context) => (await import('./support/run-forward.ts')).runForward(scope, context),
      }),
      pull: task({
        description: 'Fetch the images of services anew',
        args: { ...common, ...planArguments },
        run: async (context) => (await import('./support/run-inside.ts')).runPull(scope, context),
        render: (result, view) => result.text(view),
      }),
      config: task({
        description:
          'What the platform is told of services: the Compose file with everything filled in, without secrets',
        args: { ...common, json: planArguments.json },
        run: async (context) => (await import('./support/run-inside.ts')).runConfig(scope, context),
        render: (result, view) => result.text(view),
      }),
    },
  })

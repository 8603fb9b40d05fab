import { choice, flag, path, text } from '../../lib/task/arguments.ts'

/** Where an operation finds its workspace; default is the Taskfile's folder, `--workspace` and OPS_WORKSPACE override it. */
export type Scope = { workspace?: string | URL }

/** Arguments of every command that makes a plan. */
export const planArguments = {
  dryRun: flag().describe('show the plan and stop'),
  planOut: path().optional().describe('keep the plan in a file, for a review'),
  plan: path().optional().describe('run what an approved plan file says, and nothing else'),
  yes: flag().describe('go on without asking, where the environment is not protected'),
  confirm: text().optional().describe("the environment's name, typed, for a protected one"),
  json: flag().describe('print the result as JSON'),
}

/** Runs the environment on another platform than its own: a rehearsal. */
export const platformArgument = {
  platform: choice(['local', 'docker', 'kubernetes']).optional().describe('rehearse on this platform'),
}

/** Makes errors of warnings about the host's resources. */
export const strictArgument = {
  strict: flag().describe("stop (exit 3) where limits are beyond what the engine's host has, in place of a warning"),
}

/** Goes on with what does not depend on a failure. */
export const resilientArgument = {
  resilient: flag().describe(
    'when a service fails, leave out only what depends on it (exit 5); `task resume` does the rest',
  ),
}

/** Takes free ports where the configured ones are in use. */
export const portsArgument = {
  resolvePorts: flag().describe('take free ports where the configured ones are in use'),
}

/** The environment, as a flag of commands whose positionals are services. */
export const environmentFlag = {
  environment: text().default('dev').alias('e').env('OPS_ENVIRONMENT').describe('the environment'),
}

/** The environment, as the first positional. */
export const environmentPositional = {
  environment: text().positional().default('dev').env('OPS_ENVIRONMENT').describe('the environment'),
}

/** Which services. */
export const selectionArguments = {
  names: text().positional().repeated().describe('services; default is all'),
  category: choice(['applications', 'databases', 'infrastructure', 'monitoring', 'storage', 'utilities'])
    .optional()
    .describe('the services of a category'),
}

import { join } from 'node:path'
import { FailureError } from '../../lib/model/failure.ts'
import { nearest } from '../../lib/model/nearest.ts'
import { readText } from '../../lib/system/files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { workspaceFolder } from './session.ts'

const commands = ['up', 'down', 'redo', 'status', 'new', 'check', 'lint', 'repair', 'baseline', 'import']

/**
 * `task migrate WORD` migrates the environment WORD up. Refuses a word that is no environment before anything is loaded: it may well have been meant
 * as a command. Throws `unknown-command`.
 */
export async function refuseUnknownCommand(scope: Scope, context: TaskContext & { args: { environment: string } }) {
  const { environment } = context.args
  const { argv } = context.invocation
  if (argv.includes('up') || !argv.includes(environment)) return
  const folder = await workspaceFolder(scope, context)
  if ((await readText(join(folder, 'config', 'environments', `${environment}.yaml`))) !== undefined) return
  const near = nearest(environment, commands)
  throw new FailureError({
    code: 'unknown-command',
    message: `unknown command migrate ${environment}, and there is no environment of that name`,
    ...(near === undefined ? {} : { nearest: `migrate ${near}` }),
    why: `migrate has ${commands.join(', ')}`,
    next: ['task help migrate'],
    outcome: 'usage',
  })
}

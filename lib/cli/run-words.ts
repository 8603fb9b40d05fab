import type { Failure, Result } from '../model/failure.ts'
import { type Arguments, flag } from '../task/arguments.ts'
import type { Task } from '../task/definition.ts'
import { type Parsed, parseArguments } from '../task/parse.ts'
import { summarizeTask } from '../task/summary.ts'
import type { LoadedTasks } from '../task/table.ts'
import { execute } from './execute.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { Ending } from './report.ts'
import type { Resolved } from './resolve.ts'
import { makeInvocation, type Streams } from './terminal.ts'
import { usageLine } from './usage.ts'

/** What running a task takes. */
export type RunWordsOptions = {
  table: LoadedTasks
  folder: string
  argv: readonly string[]
  flags: GlobalFlags
  streams: Streams
}

/** Reads the words behind a task's name and runs it. Gives how the command ends, and whether JSON is wanted. */
export async function runWords(
  { name, task, rest }: Resolved,
  options: RunWordsOptions,
): Promise<{ ending: Ending; json: boolean; help: boolean }> {
  const { table, folder, flags, streams } = options
  const { args, ownYes } = withYes(task)
  const summary = () => summarizeTask(table, name, task)
  const asksForJson = flags.json || ('json' in args && wordsBefore(rest).includes('--json'))
  if (Object.keys(task.commands).length > 0) {
    const help = rest.some((word) => word === '--help' || word === '-h')
    const failure: Failure = {
      code: 'missing-command',
      message: `missing command: task ${name} <command>`,
      next: [`task help ${name}`],
      outcome: 'usage',
    }
    return { ending: { outcome: 'usage', failures: [failure], hint: usageLine(summary()) }, json: flags.json, help }
  }
  const parsed: Result<Parsed> = await parseArguments(args, rest, {
    env: process.env,
    folder: process.cwd(),
    workspaceFolder: task.folder ?? folder,
  })
  if (!parsed.ok) {
    const failures = withNext(parsed.failures, `task help ${name}`)
    return {
      ending: { task: name, outcome: 'usage', failures, hint: usageLine(summary()) },
      json: asksForJson,
      help: false,
    }
  }
  if (parsed.value.help) return { ending: { outcome: 'done' }, json: flags.json, help: true }
  const values: Record<string, unknown> = { ...parsed.value.values }
  const yes = flags.yes || values.yes === true
  if (!ownYes) delete values.yes
  const json = flags.json || values.json === true
  const { output, color, workspace } = flags
  const invocation = makeInvocation(streams, options.argv, { json, yes, output, color, workspace })
  return { ending: await execute({ name, task, values, table, invocation, flags, streams }), json, help: false }
}

/** Where a task asks for confirmation, it can also be given behind its name, unless the task has its own use of `--yes`. */
function withYes(task: Task): { args: Arguments; ownYes: boolean } {
  const args = (task.definition.args ?? {}) as Arguments
  const ownYes = 'yes' in args
  if (ownYes || task.definition.confirm === undefined) return { args, ownYes: true }
  return { args: { ...args, yes: flag() }, ownYes: false }
}

const wordsBefore = (words: readonly string[]): readonly string[] => {
  const end = words.indexOf('--')
  return end < 0 ? words : words.slice(0, end)
}

function withNext(failures: readonly Failure[], command: string): Failure[] {
  return failures.map((failure, index) => (index === failures.length - 1 ? { ...failure, next: [command] } : failure))
}

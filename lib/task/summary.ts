import { type ArgumentEntry, argumentTable, isNeeded } from './argument-table.ts'
import type { ArgumentKind, Arguments } from './arguments.ts'
import { isTask, type Task } from './definition.ts'
import type { LoadedTasks, TaskEntry } from './table.ts'

/** An argument as `--help` and `--list --json` show it. Plain data. */
export type ArgumentSummary = {
  name: string
  kind: ArgumentKind
  description?: string
  positional: boolean
  required: boolean
  repeated: boolean
  aliases: string[]
  /** As it would be typed; absent for none and for flags that are off. */
  default?: string
  variable?: string
  choices?: string[]
  /** It gives candidates for completion when it is asked (`.complete()`). */
  completes?: true
  /** It must be an existing folder. */
  folder?: true
  /** What its name alone means; it takes another value only behind `=`. */
  bare?: string
}

/** A task as `--help` and `--list --json` show it. Plain data. */
export type TaskSummary = {
  name: string
  description?: string
  group?: string
  aliases: string[]
  hidden: boolean
  /** What to use instead. */
  deprecated?: string
  arguments: ArgumentSummary[]
  /** Names of the tasks that run before it. */
  needs: string[]
  commands: TaskSummary[]
  defaultCommand?: string
  /** It runs when no task is named. */
  isDefault?: true
}

/** Summaries of all tasks of a Taskfile, in its order. */
export const summarize = (table: LoadedTasks): TaskSummary[] =>
  table.entries.map((entry) => summarizeEntry(table, entry))

/** The summary of one task. */
export const summarizeEntry = (table: LoadedTasks, { name, task, group, spellings }: TaskEntry): TaskSummary => ({
  ...summarizeTask(table, name, task, group),
  ...(spellings.includes('default') ? { isDefault: true } : {}),
})

/** The summary of a task or of a command within one, under its full name (`services up`). */
export function summarizeTask(table: LoadedTasks, name: string, task: Task, group?: string): TaskSummary {
  const { description, aliases = [], hidden = false, deprecated, args = {}, needs = {} } = task.definition
  return {
    name,
    ...(description === undefined ? {} : { description }),
    ...(group === undefined ? {} : { group }),
    aliases: [...aliases],
    hidden,
    ...(deprecated === undefined ? {} : { deprecated }),
    arguments: summarizeArguments(args),
    needs: Object.entries(needs).map(([key, need]) => {
      const needed = isTask(need) ? need : (need as { task: Task }).task
      return table.nameOf(needed) ?? key
    }),
    commands: Object.entries(task.commands).map(([command, inner]) =>
      summarizeTask(table, `${name} ${command}`, inner),
    ),
    ...(task.defaultCommand === undefined ? {} : { defaultCommand: task.defaultCommand }),
  }
}

/** Arguments as `--help` shows them. */
export const summarizeArguments = (args: Arguments): ArgumentSummary[] =>
  argumentTable(args).entries.map(summarizeArgument)

function summarizeArgument({ name, specification }: ArgumentEntry): ArgumentSummary {
  const { kind, description, positional, repeated, aliases, variable, choices, values, path } = specification
  const preset = specification.default?.values.filter((value) => value !== false).map(String)
  return {
    name,
    kind,
    ...(description === undefined ? {} : { description }),
    positional,
    required: isNeeded(specification),
    repeated: repeated !== undefined,
    aliases: [...aliases],
    ...(preset?.length ? { default: preset.join(', ') } : {}),
    ...(variable === undefined ? {} : { variable }),
    ...(choices === undefined ? {} : { choices: [...choices] }),
    ...(values === undefined ? {} : { completes: true }),
    ...(path?.exists === 'directory' ? { folder: true } : {}),
  }
}

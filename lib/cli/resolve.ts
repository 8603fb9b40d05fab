import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { kebabCase } from '../task/arguments.ts'
import type { Task } from '../task/definition.ts'
import type { LoadedTasks } from '../task/table.ts'
import { builtInNames } from './builtins.ts'

/** The task or command that words name, and the words left for it. */
export type Resolved = { name: string; task: Task; rest: readonly string[] }

/**
 * Finds the task that the first word names, and the command within it where it has commands: the next word, or the default
 * one. Where the words end at a task with commands, or go on with `--help`, that task itself is given.
 */
export function resolveWords(table: LoadedTasks, words: readonly string[]): Result<Resolved> {
  const [first = '', ...rest] = words
  const entry = table.entry(first)
  if (!entry) return failed(unknownTask(table, first))
  return descend({ name: entry.name, task: entry.task, rest })
}

/** The task or command whose help words ask for: exactly as named, without default commands. */
export function resolveHelp(table: LoadedTasks, words: readonly string[]): Result<Resolved> {
  const [first = '', ...rest] = words
  const entry = table.entry(first)
  if (!entry) return failed(unknownTask(table, first))
  let at: Resolved = { name: entry.name, task: entry.task, rest }
  for (const word of rest) {
    const command = kebabCase(word)
    const inner: Task | undefined = at.task.commands[command]
    if (!inner) {
      // The words of a command line whose help is asked for go on with arguments.
      if (Object.keys(at.task.commands).length === 0) break
      return failed(unknownCommand(at.name, word, Object.keys(at.task.commands)))
    }
    at = { name: `${at.name} ${command}`, task: inner, rest: [] }
  }
  return ok(at)
}

function descend(at: Resolved): Result<Resolved> {
  const { name, task, rest } = at
  const commands = Object.keys(task.commands)
  if (commands.length === 0) return ok(at)
  const [word, ...others] = rest
  if (word === '--help' || word === '-h') return ok(at)
  const command = word === undefined ? undefined : commands.find((one) => one === word || one === kebabCase(word))
  if (command !== undefined) {
    return descend({ name: `${name} ${command}`, task: task.commands[command] as Task, rest: others })
  }
  const preset = task.defaultCommand === undefined ? undefined : task.commands[task.defaultCommand]
  const isWord = word !== undefined && !word.startsWith('-')
  if (preset && (!isWord || takesWords(preset))) {
    return descend({ name: `${name} ${task.defaultCommand}`, task: preset, rest })
  }
  return isWord ? failed(unknownCommand(name, word, commands)) : ok(at)
}

const takesWords = (task: Task): boolean =>
  Object.values(task.commands).length > 0 ||
  Object.values(task.definition.args ?? {}).some(
    (argument) => (argument as { specification: { positional: boolean } }).specification.positional,
  )

/** The failure of a name that no task has. */
export function unknownTask(table: LoadedTasks, name: string): Failure {
  const visible = table.entries.filter(({ task }) => task.definition.hidden !== true)
  const shown = visible.flatMap((entry) => [entry.name, ...(entry.task.definition.aliases ?? [])])
  const near = nearest(name, [...shown, ...builtInNames])
  const within = visible.map((entry) => entry.name).filter((one) => one.startsWith(`${name}:`))
  return {
    code: 'unknown-task',
    message: `unknown task ${name}`,
    ...(near === undefined || within.length > 0 ? {} : { nearest: near }),
    ...(within.length === 0 ? {} : { why: `${name} is a namespace: it has ${within.join(', ')}` }),
    next: ['task --list'],
    outcome: 'usage',
  }
}

function unknownCommand(name: string, word: string, commands: readonly string[]): Failure {
  const near = nearest(word, commands)
  return {
    code: 'unknown-command',
    message: `unknown command ${name} ${word}`,
    ...(near === undefined ? {} : { nearest: `${name} ${near}` }),
    why: `${name} has ${commands.join(', ')}`,
    next: [`task help ${name}`],
    outcome: 'usage',
  }
}

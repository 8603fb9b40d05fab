import { paint } from '../log/paint.ts'
import { argumentTable } from '../task/argument-table.ts'
import type { TaskSummary } from '../task/summary.ts'
import { builtIns } from './builtins.ts'
import { globalArguments } from './global-flags.ts'
import { firstLine } from './list.ts'
import { argumentNote, columns, optionText, positionalText, usageLine } from './usage.ts'

/** The help of `task` itself. */
export function generalHelp(color: boolean): string {
  const options = argumentTable(globalArguments()).entries.map(({ name, specification }) => ({
    name,
    kind: specification.kind,
    description: specification.description ?? '',
    positional: false,
    required: false,
    repeated: false,
    aliases: [...specification.aliases],
    ...(specification.bare === undefined ? {} : { bare: specification.bare }),
    ...(specification.choices ? { choices: [...specification.choices] } : {}),
    ...(specification.variable === undefined ? {} : { variable: specification.variable }),
  }))
  return [
    'usage: task [options] <task> [arguments]\n',
    '       task [options] <task> <task> [arguments] [::: <task> [arguments] …]\n',
    '\nRuns a task of the Taskfile.ts in this folder, or of the nearest one above it.\n',
    section('options, before the task’s name', color),
    columns(
      options.map((option) => [
        option.name === 'color' ? '    --[no-]color' : optionText(option),
        argumentNote(option),
      ]),
    ),
    section('also', color),
    columns([
      ['task --list', 'the tasks'],
      ['task help <task>', 'what a task does, and its arguments'],
      ['task --init', 'a Taskfile.ts to begin with'],
      ...Object.entries(builtIns).map(([word, { description }]): [string, string] => [`task ${word}`, description]),
    ]),
  ].join('')
}

/** The help of a task, or of a command within one. */
export function taskHelp(summary: TaskSummary, color: boolean): string {
  const { description, deprecated, arguments: all, commands, defaultCommand, needs, aliases } = summary
  const positionals = all.filter(({ positional }) => positional)
  const options = all.filter(({ positional }) => !positional)
  const parts = [usageLine(summary)]
  if (description) parts.push(`\n${description.trim()}\n`)
  if (deprecated !== undefined) parts.push(`\n${paint('Deprecated:', 'yellow', color)} ${deprecated}\n`)
  if (commands.length > 0) {
    parts.push(
      section('commands', color),
      columns(commands.map((command) => [lastWord(command.name), firstLine(command.description)])),
    )
    if (defaultCommand !== undefined) parts.push(`\nWithout a command: ${defaultCommand}\n`)
    parts.push(`\ntask help ${summary.name} <command> shows the arguments of one.\n`)
  }
  if (positionals.length > 0) {
    parts.push(section('arguments', color), columns(positionals.map((one) => [positionalText(one), withChoices(one)])))
  }
  if (options.length > 0) {
    parts.push(section('options', color), columns(options.map((one) => [optionText(one), argumentNote(one)])))
  }
  if (needs.length > 0) parts.push(`\nRuns first: ${needs.join(', ')}\n`)
  if (aliases.length > 0) parts.push(`\nAlso called: ${aliases.join(', ')}\n`)
  return parts.join('')
}

const section = (title: string, color: boolean): string => `\n${paint(`${title}:`, 'bold', color)}\n`

const lastWord = (name: string): string => name.slice(name.lastIndexOf(' ') + 1)

function withChoices(argument: TaskSummary['arguments'][number]): string {
  const choices = argument.choices ? `one of ${argument.choices.join(', ')}` : ''
  return [choices, argumentNote(argument)].filter(Boolean).join('; ')
}

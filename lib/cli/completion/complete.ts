import { argumentTable } from '../../task/argument-table.ts'
import { kebabCase } from '../../task/arguments.ts'
import type { ArgumentSummary, TaskSummary } from '../../task/summary.ts'
import { builtIns } from '../builtins.ts'
import { globalArguments, splitCommandLine } from '../global-flags.ts'
import { firstLine } from '../list.ts'

/** What can stand in a place, with what a shell shows beside it. */
export type Candidate = { value: string; description?: string }

/** What can stand where the cursor is. */
export type Completion = {
  candidates: readonly Candidate[]
  /** Names of files, or of folders alone, can stand there; the shell knows how to complete these. */
  paths?: 'files' | 'folders'
  /** Also what this argument of a task gives when it is asked, each behind `prefix` (`--channel=`). */
  candidatesOf?: { task: string; argument: string; prefix: string; typed: string }
}

/** The tasks as completion needs them. */
export type CompletedTasks = { tasks: readonly TaskSummary[]; spellings: readonly (readonly string[])[] }

/**
 * Completes a command line.
 *
 * @param words what stands behind `task`; the last one is what the cursor stands behind, perhaps empty
 */
export function completeWords(words: readonly string[], known: CompletedTasks): Completion {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  // Making the table of the flags takes longer than the rest: most lines have none before the name.
  const behind = before[0]?.startsWith('-') ? splitCommandLine(before).words : before
  const head = before.slice(0, before.length - behind.length)
  if (behind.length === 0 && head.length === 0 && !typed.startsWith('-')) return startingWith(typed, names(known))
  if (behind.length === 0) {
    const waiting = head.at(-1)
    const flags = globalSummaries()
    const option = waiting === undefined ? undefined : waitingOption(flags, waiting)
    // `splitCommandLine` counts the value of an option that is not there yet.
    if (option && splitCommandLine([...before, 'x']).words.length === 0) return values(option, typed, '', '')
    if (typed.startsWith('-')) return flagsOf(flags, typed, '')
    return startingWith(typed, names(known))
  }
  return behindName(behind, typed, known)
}

/** What a shell is told: a line for each candidate, with its description behind a tab; `:files` or `:folders` alone where these can stand. */
export function completionText({ candidates, paths }: Completion): string {
  const lines = candidates.map(({ value, description }) => (description ? `${value}\t${description}` : value))
  return [...lines, ...(paths ? [`:${paths}`] : [])].map((line) => `${line}\n`).join('')
}

/** Only those that go on as typed. */
export const startingWith = (typed: string, candidates: readonly Candidate[]): Completion => ({
  candidates: candidates.filter(({ value }) => value.startsWith(typed)),
})

/** What a task can be followed by. */
const taskNames = ({ tasks }: CompletedTasks): Candidate[] =>
  tasks.filter(({ hidden }) => !hidden).map((task) => candidate(task.name, task.description))

function names(known: CompletedTasks): Candidate[] {
  const { tasks } = known
  const shown = taskNames(known)
  const own = Object.entries(builtIns).map(([value, { description }]) => candidate(value, description))
  const taken = new Set(tasks.map(({ name }) => name))
  return [...shown, ...[...own, candidate('help', 'show what a task does')].filter(({ value }) => !taken.has(value))]
}

/** What stands behind a task's name: its commands, its arguments, and the next task. */
function behindName(behind: readonly string[], typed: string, known: CompletedTasks): Completion {
  // Behind `:::` another task begins, but for one that stands behind `--`.
  const next = behind.findIndex((word) => word === ':::' || word === '--')
  if (behind[next] === ':::') {
    const rest = behind.slice(next + 1)
    return rest.length === 0 ? startingWith(typed, taskNames(known)) : behindName(rest, typed, known)
  }
  const [first = '', ...rest] = behind
  const isHelp = first === 'help' && !known.spellings.some((all) => all.includes('help'))
  if (isHelp && rest.length === 0) return startingWith(typed, names(known))
  const at = known.spellings.findIndex((all) => all.includes(isHelp ? (rest[0] ?? '') : first))
  const left = isHelp ? rest.slice(1) : rest
  let task = known.tasks[at]
  while (task !== undefined && task.commands.length > 0) {
    const [word] = left
    const inner = innermost(task, word)
    if (word === undefined && !(typed.startsWith('-') && inner.preset)) return startingWith(typed, inner.candidates)
    if (inner.named) left.shift()
    task = inner.named ?? inner.preset
  }
  if (task === undefined) return { candidates: [] }
  if (isHelp) return { candidates: [] }
  return ofArguments(task, left, typed, known)
}

/** The commands of a task: what can be typed, the one that a word names, and the default one. */
function innermost({ name, commands, defaultCommand }: TaskSummary, word: string | undefined) {
  return {
    candidates: commands.map((one) => candidate(one.name.slice(name.length + 1), one.description)),
    named: word === undefined ? undefined : commands.find((one) => one.name === `${name} ${kebabCase(word)}`),
    preset: commands.find((one) => one.name === `${name} ${defaultCommand}`),
  }
}

function ofArguments(task: TaskSummary, left: readonly string[], typed: string, known: CompletedTasks): Completion {
  const options = task.arguments.filter(({ positional }) => !positional)
  const positionals = task.arguments.filter(({ positional }) => positional)
  let count = 0
  let open: ArgumentSummary | undefined
  let onlyWords = false
  const last = positionals.at(-1)
  const isFull = () => count >= positionals.length && !last?.repeated
  for (const [at, word] of left.entries()) {
    if (open) open = undefined
    else if (word === '--' && !onlyWords) onlyWords = true
    else if (!onlyWords && /^-./.test(word)) open = waitingOption(options, word)
    else if (!onlyWords && isFull() && known.spellings.some((all) => all.includes(word))) {
      return behindName(left.slice(at), typed, known)
    } else count += 1
  }
  if (open) return values(open, typed, '', task.name)
  if (!onlyWords && typed.startsWith('-')) {
    const equals = typed.indexOf('=')
    if (equals < 0) return flagsOf(options, typed, task.name)
    const option = options.find((one) => longNames(one).includes(typed.slice(2, equals)))
    return option ? values(option, typed.slice(equals + 1), typed.slice(0, equals + 1), task.name) : { candidates: [] }
  }
  const positional = positionals[count] ?? (last?.repeated ? last : undefined)
  if (positional) return values(positional, typed, '', task.name)
  // `task lint test`: what takes no words, or has all of its own, can be followed by another task, with `:::` or without.
  return onlyWords ? { candidates: [] } : startingWith(typed, [...taskNames(known), { value: ':::' }])
}

/** The option that takes the next word as its value. */
function waitingOption(options: readonly ArgumentSummary[], word: string): ArgumentSummary | undefined {
  if (word.includes('=')) return undefined
  const found = options.find((one) =>
    word.startsWith('--') ? longNames(one).includes(word.slice(2)) : letters(one).includes(word.at(-1) as string),
  )
  return found && found.kind !== 'flag' ? found : undefined
}

const longNames = ({ name, aliases }: ArgumentSummary): string[] => [name, ...aliases.filter((one) => one.length > 1)]
const letters = ({ name, aliases }: ArgumentSummary): string[] => [name, ...aliases].filter((one) => one.length === 1)

function values(argument: ArgumentSummary, typed: string, prefix: string, task: string): Completion {
  const { name, kind, choices = [], completes } = argument
  const found = choices.filter((one) => one.startsWith(typed)).map((one) => ({ value: prefix + one }))
  return {
    candidates: found,
    ...(kind === 'path' ? { paths: argument.folder ? 'folders' : 'files' } : {}),
    ...(completes ? { candidatesOf: { task, argument: name, prefix, typed } } : {}),
  }
}

function flagsOf(options: readonly ArgumentSummary[], typed: string, task: string): Completion {
  const all = options.flatMap((option) => {
    const shown = longNames(option).map((name) => candidate(`--${name}`, option.description))
    return option.kind === 'flag' && (option.default === 'true' || typed.startsWith('--no'))
      ? [...shown, candidate(`--no-${option.name}`, option.description)]
      : shown
  })
  return startingWith(typed, task === '' ? all : [...all, candidate('--help', 'what the task does, and its arguments')])
}

const candidate = (value: string, description: string | undefined): Candidate => {
  const line = firstLine(description)
  return line === '' ? { value } : { value, description: line }
}

/** The flags of `task` itself. */
const globalSummaries = (): ArgumentSummary[] =>
  argumentTable(globalArguments()).entries.map(({ name, specification }) => ({
    name,
    kind: specification.kind,
    positional: false,
    required: false,
    repeated: false,
    aliases: [...specification.aliases],
    ...(specification.description === undefined ? {} : { description: specification.description }),
    ...(specification.choices ? { choices: [...specification.choices] } : {}),
    ...(specification.path?.exists === 'directory' || name === 'workspace' ? { folder: true } : {}),
  }))

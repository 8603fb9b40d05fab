import type { Failure } from '../model/failure.ts'
import { nearest } from '../model/nearest.ts'
import { argumentTable } from '../task/argument-table.ts'
import type { Arguments } from '../task/arguments.ts'
import type { LoadedTasks } from '../task/table.ts'
import { globalArguments } from './global-flags.ts'

/**
 * What a wrong word behind a task's name may have meant: another task's name, a flag of the command itself, or a value in the form that make
 * and go-task have for it (`ENV=prod`).
 */
export function withHint(failure: Failure, task: { name: string; args: Arguments }, table: LoadedTasks): Failure {
  if (failure.code === 'unknown-flag') return withOwnFlag(failure, task.name)
  if (failure.code !== 'unexpected-argument' || failure.nearest !== undefined) return failure
  const word: string = JSON.parse(failure.message.slice(failure.message.indexOf('"')))
  const near = flagOf(word, task.args) ?? nearest(word, table.names)
  return near === undefined ? failure : { ...failure, nearest: near }
}

/** `task build --json`: the flag is known, but stands before the task's name. */
function withOwnFlag(failure: Failure, task: string): Failure {
  const flag = failure.message.slice(failure.message.indexOf('-'))
  const { long, short } = argumentTable(globalArguments())
  const isOwn = flag.startsWith('--') ? long.has(flag.slice(2)) : short.has(flag.slice(1))
  if (!isOwn) return failure
  const { nearest: _, ...rest } = failure
  return { ...rest, why: `${flag} is a flag of the command, which stands before the task: task ${flag} ${task}` }
}

/** `ENV=prod` → `--env=prod`, where the task has such an argument. */
function flagOf(word: string, args: Arguments): string | undefined {
  const [, name, value] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(word) ?? []
  if (name === undefined) return undefined
  const plain = (text: string) => text.replace(/[-_]/g, '').toLowerCase()
  const entry = argumentTable(args).entries.find((one) => plain(one.name) === plain(name))
  if (!entry) return undefined
  return entry.specification.positional ? value : `--${entry.name}=${value}`
}

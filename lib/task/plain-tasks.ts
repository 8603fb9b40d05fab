import { argumentTable, isNeeded } from './argument-table.ts'
import type { Argument, Arguments } from './arguments.ts'
import { isTask, type Task } from './definition.ts'
import { canonical } from './fingerprint/canonical.ts'
import { definitionDigest } from './fingerprint/identity.ts'
import type { KeptEntry, KeptNeed, KeptTask } from './kept-tasks.ts'
import { mayBeUpToDate } from './services.ts'
import type { LoadedTasks } from './table.ts'

/** Members of a definition that plain data can stand for, and those that are only shown, or only for when it runs. */
const plainMembers = [
  'inputs',
  'outputs',
  'env',
  'folder',
  'environment',
  'dotenv',
  'retry',
  'timeout',
  'record',
] as const
const leftOut = new Set(['run', 'args', 'needs', 'description', 'group', 'hidden', 'aliases', 'deprecated'])

/**
 * The tasks of a Taskfile of which plain data says whether they are up to date: with fingerprints, as all that they need, and without code that is asked
 * first (`when`, `confirm` …). Undefined where there are none.
 */
export function plainTasks(table: LoadedTasks): { entries: KeptEntry[]; tasks: KeptTask[] } | undefined {
  const tasks: KeptTask[] = []
  const places = new Map<Task, number | undefined>()
  const placeOf = (task: Task): number | undefined => {
    if (places.has(task)) return places.get(task)
    // One that needs itself is none.
    places.set(task, undefined)
    const kept = plainTask(task, table, placeOf)
    if (kept === undefined) return undefined
    places.set(task, tasks.push(kept) - 1)
    return places.get(task)
  }
  const entries = table.entries.flatMap(({ name, task, group, export: at, spellings }): KeptEntry[] => {
    const place = placeOf(task)
    return place === undefined
      ? []
      : [{ name, task: place, export: at, spellings, ...(group === undefined ? {} : { group }) }]
  })
  return entries.length === 0 ? undefined : { entries, tasks }
}

function plainTask(task: Task, table: LoadedTasks, placeOf: (task: Task) => number | undefined): KeptTask | undefined {
  const definition = task.definition as unknown as Readonly<Record<string, unknown>>
  if (!mayBeUpToDate({ task }) || table.nameOf(task) === undefined || Object.keys(task.commands).length > 0)
    return undefined
  // Who is told that it is deprecated when it runs is told by the task itself.
  const others = Object.keys(definition).filter((key) => definition[key] !== undefined && !leftOut.has(key))
  if (definition.deprecated !== undefined || others.some((key) => !(plainMembers as readonly string[]).includes(key)))
    return undefined
  const args = plainArguments((definition.args ?? {}) as Arguments)
  const members = Object.fromEntries(others.map((key) => [key, definition[key]]))
  if (args === undefined || !isPlain(members)) return undefined
  const needs: Record<string, KeptNeed> = {}
  for (const [key, need] of Object.entries((definition.needs ?? {}) as Readonly<Record<string, unknown>>)) {
    const bound = isTask(need)
      ? { task: need, input: undefined, optional: false }
      : (need as { task: Task; input?: unknown; optional?: boolean })
    const place = placeOf(bound.task)
    if (place === undefined || !isPlain(bound.input ?? {})) return undefined
    const input = bound.input === undefined || isTask(need) ? {} : { input: bound.input }
    needs[key] = { task: place, ...input, ...(bound.optional ? { optional: true } : {}) }
  }
  const digest = definitionDigest(task)
  return { definition: members, args, needs, digest, ...(task.folder === undefined ? {} : { folder: task.folder }) }
}

/** What is known of arguments, without what only completion asks for; undefined where code reads one, or one has to be given. */
function plainArguments(args: Arguments): KeptTask['args'] | undefined {
  if (argumentTable(args).problems.length > 0) return undefined
  const plain: KeptTask['args'] = {}
  for (const [name, { specification }] of Object.entries(args as Readonly<Record<string, Argument>>)) {
    const { values: _, schema, ...rest } = specification
    if (schema !== undefined || isNeeded(specification) || !isPlain(rest)) return undefined
    plain[name] = rest
  }
  return plain
}

/** Whether JSON keeps a value as it is. */
const isPlain = (value: unknown): boolean => {
  const text = JSON.stringify(value)
  return text !== undefined && canonical(JSON.parse(text)) === canonical(value)
}

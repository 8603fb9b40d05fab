import { type Failure, failed, ok, type Place, type Result } from '../model/failure.ts'
import { kebabCase } from './arguments.ts'
import { isTask, noCommands, type Task, type TaskTable } from './definition.ts'
import { definitionFailures } from './definition-checks.ts'
import { findInFiles, placed } from './sources.ts'

/** A task under its name. */
export type TaskEntry = {
  /** `health-check`, `db:migrate`. */
  name: string
  task: Task
  /** The heading in lists: the task's own, or its namespace. */
  group?: string
  /** The export that it is, or where in the exports it is. */
  export: string | readonly string[]
  /** All names that it answers to: its name, the name as it was written (`healthCheck`), its aliases. */
  spellings: readonly string[]
}

/** The tasks of a Taskfile. */
export class LoadedTasks implements TaskTable {
  /** The Taskfile, absolute. */
  readonly file: string
  /** The name of the bundle's file that was run, where a Taskfile was loaded. */
  bundle?: string
  /** In the order of the exports, which is alphabetical for named ones. */
  readonly entries: readonly TaskEntry[]
  readonly #byName: ReadonlyMap<string, TaskEntry>
  readonly #names = new Map<Task, string>()

  constructor(file: string, entries: readonly TaskEntry[], byName: ReadonlyMap<string, TaskEntry>) {
    this.file = file
    this.entries = entries
    this.#byName = byName
    for (const { name, task } of entries) this.#noteNames(name, task)
  }

  /** The names, hidden ones included, aliases not. */
  get names(): string[] {
    return this.entries.map(({ name }) => name)
  }

  /** Every spelling under which a task is found. */
  get spellings(): string[] {
    return [...this.#byName.keys()]
  }

  /** The entry of a name, an alias, or another spelling (`healthCheck`). */
  entry(name: string): TaskEntry | undefined {
    return this.#byName.get(name)
  }

  find(name: string): Task | undefined {
    const [first = '', ...commands] = name.split(' ')
    let found = this.entry(first)?.task
    for (const command of commands) found = found?.commands[command]
    return found
  }

  /** The name of a task; of one that is not exported, undefined. */
  nameOf(task: Task): string | undefined {
    return this.#names.get(task)
  }

  #noteNames(name: string, task: Task): void {
    if (!this.#names.has(task)) this.#names.set(task, name)
    if (task.commands === noCommands) return
    for (const [command, inner] of Object.entries(task.commands)) this.#noteNames(`${name} ${command}`, inner)
  }
}

/**
 * Makes the table from what a Taskfile exports: named exports that are tasks, and the default export: a record of tasks, or of
 * such records, whose names become `namespace:task`. Fails with everything that is wrong at once: a default export that is none,
 * two tasks of one name, a definition that contradicts itself.
 */
export function makeTable(file: string, exported: Readonly<Record<string, unknown>>): Result<LoadedTasks> {
  const failures: Failure[] = []
  const entries: TaskEntry[] = []
  for (const [name, value] of Object.entries(exported)) {
    if (name === 'default' && !isTask(value)) collect(value, { path: [], at: [name] }, entries, failures, file)
    else if (isTask(value)) add(entries, { path: [name], at: name }, value)
  }
  foldDefault(entries)
  const byName = new Map<string, TaskEntry>()
  for (const entry of entries) {
    const wrong = definitionFailures(entry.name, entry.task)
    if (wrong.length > 0) failures.push(...wrong)
    for (const spelling of entry.spellings) {
      if (spelling === 'help') failures.push(reserved(entry))
      const taken = byName.get(spelling)
      if (taken === undefined) byName.set(spelling, entry)
      else if (taken.task !== entry.task) failures.push(duplicate(spelling, taken, entry))
    }
  }
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return ok(new LoadedTasks(file, entries, byName))
}

/** What is the default and also has a name of its own is one task, with `default` as another spelling. */
function foldDefault(entries: TaskEntry[]): void {
  const at = entries.findIndex(({ name }) => name === 'default')
  if (at < 0) return
  const entry = entries[at]
  const named = entries.find(({ name, task }) => task === entry?.task && name !== 'default')
  if (entry === undefined || named === undefined) return
  entries.splice(at, 1)
  named.spellings = [...new Set([...named.spellings, ...entry.spellings])]
}

const plainName = /^[a-z][a-z0-9-]*$/

/** The name of a task, in parts, and where it is in the exports. */
type Named = { path: readonly string[]; at: TaskEntry['export'] }

/** Whether a task answers to this name alone, and it is written as it is called. */
const isPlain = (name: string, { definition }: Task): boolean =>
  definition.aliases === undefined && plainName.test(name)

function addPlain(entries: TaskEntry[], name: string, at: TaskEntry['export'], task: Task): void {
  const { group } = task.definition
  if (group === undefined) entries.push({ name, task, export: at, spellings: [name] })
  else entries.push({ name, task, group, export: at, spellings: [name] })
}

function add(entries: TaskEntry[], { path, at }: Named, task: Task): void {
  const [only = ''] = path
  if (path.length === 1 && isPlain(only, task)) {
    addPlain(entries, only, at, task)
    return
  }
  const name = path.map(kebabCase).join(':')
  const namespace = name.slice(0, name.lastIndexOf(':') + 1)
  const group = task.definition.group ?? (namespace === '' ? undefined : namespace.slice(0, -1))
  const aliases = (task.definition.aliases ?? []).map((alias) => (alias.includes(':') ? alias : namespace + alias))
  const spellings = [...new Set([name, path.join(':'), ...aliases])]
  entries.push({ name, task, ...(group === undefined ? {} : { group }), export: at, spellings })
}

function collect(
  value: unknown,
  { path, at }: { path: string[]; at: string[] },
  entries: TaskEntry[],
  failures: Failure[],
  file: string,
): void {
  if (isTask(value)) {
    add(entries, { path, at }, value)
    return
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    failures.push(notTasks(value, path, file))
    return
  }
  const isTop = path.length === 0
  const isIncluded = !isTop && isModule(value)
  for (const name of Object.keys(value)) {
    const inner: unknown = (value as Readonly<Record<string, unknown>>)[name]
    if (isTop && isTask(inner) && isPlain(name, inner)) addPlain(entries, name, [...at, name], inner)
    else if (isIncluded && name === 'default') {
      // A package's default export may be anything; of tasks it is as if this Taskfile had it.
      if (holdsTasks(inner)) collect(inner, { path, at: [...at, name] }, entries, failures, file)
    } else if (isIncluded && !isTask(inner)) continue
    else if (plainName.test(name) || /^[\p{L}\p{N}_$][\p{L}\p{N}_$.:-]*$/u.test(name))
      collect(inner, { path: [...path, name], at: [...at, name] }, entries, failures, file)
    else {
      failures.push({
        code: 'bad-task-name',
        message: `${JSON.stringify(name)} cannot be the name of a task`,
        why: 'a name begins with a letter or digit and has no white space, because it is one word on the command line',
        place: { file },
        outcome: 'unchanged',
      })
    }
  }
}

/** Whether a value is what `import * as name` gives: a module's own, or the one that esbuild makes of a bundled file. */
function isModule(value: object): boolean {
  if ((value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'Module') return true
  const all = Object.values(Object.getOwnPropertyDescriptors(value))
  return all.length > 0 && all.every(({ get, set, configurable }) => get && !set && !configurable)
}

/** Whether a value is a task, or a record that has one in it, not too deep. */
function holdsTasks(value: unknown, depth = 4): boolean {
  if (isTask(value)) return true
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === 0) return false
  return Object.values(value).some((inner) => holdsTasks(inner, depth - 1))
}

function notTasks(value: unknown, path: readonly string[], file: string): Failure {
  const what = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  const where = path.length === 0 ? 'the default export' : `default export, ${path.join('.')}`
  return {
    code: 'not-a-task',
    message: `${where}: expected tasks made by task(), or records of them, got ${what}`,
    ...placed(defaultExport(file)),
    outcome: 'unchanged',
  }
}

/** Where the default export stands in the Taskfile. */
const defaultExport = (file: string): Place =>
  findInFiles([file], (line) => line.search(/\bexport\s+default\b|\bas\s+default\b|\bmodule\.exports\b/)) ?? { file }

function reserved({ task }: TaskEntry): Failure {
  return {
    code: 'bad-task-name',
    message: 'a task cannot be called help, because `task help` shows the help of the others',
    ...placed(task.place),
    outcome: 'unchanged',
  }
}

function duplicate(name: string, first: TaskEntry, second: TaskEntry): Failure {
  const { place } = first.task
  const other = place ? `${place.file}:${place.line}:${place.column}` : 'elsewhere'
  return {
    code: 'duplicate-task',
    message: `two tasks have the name ${name}`,
    ...placed(second.task.place),
    why: `the other one is at ${other}`,
    outcome: 'unchanged',
  }
}

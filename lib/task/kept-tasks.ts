/*
 * Tasks of a Taskfile as plain data (`<Taskfile>.kept.json`, written with the listing): enough to tell whether they are up to date, and to answer so,
 * without running the Taskfile's code. It holds as the listing does.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type Result, unwrap } from '../model/failure.ts'
import { Argument, type ArgumentSpecification } from './arguments.ts'
import { type AnyDefinition, type BoundTask, type Task, type TaskContext, task } from './definition.ts'
import { keptDigests } from './fingerprint/identity.ts'
import { isSameOutside, type Listing, ownBuild } from './listing.ts'
import { isCurrent, keptTasksPath, readManifest } from './manifest.ts'
import { LoadedTasks, type TaskEntry } from './table.ts'

/** A need; `task` is a place in the list of tasks. */
export type KeptNeed = { task: number; input?: unknown; optional?: true | boolean }

/** A task as plain data. */
export type KeptTask = {
  definition: Readonly<Record<string, unknown>>
  args: Record<string, Omit<ArgumentSpecification, 'values' | 'schema'>>
  needs: Record<string, KeptNeed>
  /** As `definitionDigest` gives it. */
  digest: string
  folder?: string
}

/** A task under its name. */
export type KeptEntry = Omit<TaskEntry, 'task'> & { task: number }

type KeptTasks = Pick<Listing, 'output' | 'build' | 'variables' | 'packages' | 'noted'> & {
  entries: KeptEntry[]
  tasks: KeptTask[]
}

/** Loads the tasks of a Taskfile. */
type Load = (taskfile: string) => Promise<Result<LoadedTasks>>

/**
 * The tasks of a Taskfile that are kept, where that certainly holds, and where it has all those that are named; else undefined. Should one have to run
 * after all, it loads the Taskfile.
 */
export function keptTasks(taskfile: string, names: readonly string[], load: Load): LoadedTasks | undefined {
  const path = keptTasksPath(taskfile)
  if (!existsSync(path)) return undefined
  const manifest = readManifest(taskfile)
  if (manifest === undefined || !isCurrent(manifest)) return undefined
  let kept: KeptTasks
  try {
    kept = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
  if (kept.output !== manifest.output || kept.build !== ownBuild() || !isSameOutside(kept)) return undefined
  const known = new Map(kept.entries.flatMap((entry) => entry.spellings.map((one) => [one, entry] as const)))
  const isKnown = (name: string): boolean => {
    const entry = known.get(name)
    const args = entry === undefined ? undefined : kept.tasks[entry.task]?.args
    // Beside several names, a word might be a positional's value.
    return args !== undefined && (names.length === 1 || Object.values(args).every(({ positional }) => !positional))
  }
  if (!names.every(isKnown)) return undefined
  const tasks: Task[] = []
  for (const one of kept.tasks) tasks.push(standIn(one, tasks, () => load(taskfile)))
  const entries = kept.entries.map((entry): TaskEntry => ({ ...entry, task: tasks[entry.task] as Task }))
  for (const entry of entries) namesOf.set(entry.task, namesOf.get(entry.task) ?? entry.name)
  const table = new LoadedTasks(
    taskfile,
    entries,
    new Map(entries.flatMap((entry) => entry.spellings.map((one) => [one, entry] as const))),
  )
  table.bundle = kept.output
  return table
}

const namesOf = new WeakMap<Task, string>()

/** A task that has what is kept of one; what it needs stands before it in the list. */
function standIn(
  { definition, args, needs, digest, folder }: KeptTask,
  known: readonly Task[],
  load: () => ReturnType<Load>,
): Task {
  const made: Task = task({
    ...definition,
    args: Object.fromEntries(Object.entries(args).map(([name, one]) => [name, new Argument(one)])),
    needs: Object.fromEntries(Object.entries(needs).map(([key, need]) => [key, needOf(need, known)])),
    run: (context: TaskContext) => runLoaded(made, load, context),
  } as AnyDefinition)
  if (folder !== undefined) Object.defineProperty(made, 'folder', { value: folder })
  keptDigests.set(made, digest)
  return made
}

function needOf({ task: place, input, optional }: KeptNeed, known: readonly Task[]): Task | BoundTask {
  const needed = known[place] as Task
  return input === undefined && !optional
    ? needed
    : { task: needed, input: input ?? {}, ...(optional ? { optional: true } : {}) }
}

/** Something has changed between looking and running: the task itself runs. */
async function runLoaded(made: Task, load: () => ReturnType<Load>, context: TaskContext): Promise<unknown> {
  const table = unwrap(await load())
  return (table.find(namesOf.get(made) as string) as Task).definition.run(context)
}

import { isTask, type Task } from '../definition.ts'
import type { LoadedTasks } from '../table.ts'
import { canonical } from './canonical.ts'
import { sha256 } from './digest.ts'

/**
 * What names a task beyond this process: its name, or for one that is not exported, how it is reached from an exported one (`deploy › image`).
 * Undefined for one that was made while tasks ran: nothing tells it from another one.
 */
export function identityOf(task: Task, table: LoadedTasks): string | undefined {
  const name = table.nameOf(task)
  return name ?? innerNames(table).get(task)
}

const known = new WeakMap<LoadedTasks, ReadonlyMap<Task, string>>()

/** The names of the tasks that are not exported, but needed. */
function innerNames(table: LoadedTasks): ReadonlyMap<Task, string> {
  const made = known.get(table)
  if (made) return made
  const names = new Map<Task, string>()
  const seen = new Set<Task>()
  const open: { task: Task; name: string }[] = table.entries.map(({ name, task }) => ({ name, task }))
  for (const { task, name } of open) {
    if (seen.has(task)) continue
    seen.add(task)
    for (const [command, inner] of Object.entries(task.commands)) open.push({ task: inner, name: `${name} ${command}` })
    const { needs = {}, finally: last = {} } = task.definition as { needs?: object; finally?: object }
    for (const [key, need] of [...Object.entries(needs), ...Object.entries(last)]) {
      const inner = isTask(need) ? need : (need as { task?: unknown } | undefined)?.task
      if (!isTask(inner) || table.nameOf(inner) !== undefined || names.has(inner)) continue
      const path = `${name} › ${key}`
      names.set(inner, path)
      open.push({ task: inner, name: path })
    }
  }
  known.set(table, names)
  return names
}

/** The digests of tasks that stand for those of a Taskfile that was not loaded. */
export const keptDigests = new WeakMap<Task, string>()

/** A digest of what a task's definition says besides the code that it runs, and of that code's text. */
export function definitionDigest(task: Task): string {
  const known = keptDigests.get(task)
  if (known !== undefined) return known
  const { definition } = task
  const { inputs, outputs, env, run } = definition
  const { folder, environment, dotenv, timeout } = definition as Readonly<Record<string, unknown>>
  return sha256(canonical({ inputs, outputs, env, run: String(run), folder, environment, dotenv, timeout }))
}

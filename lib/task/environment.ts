import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { FailureError } from '../model/failure.ts'
import type { Task } from './definition.ts'

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

const known = new WeakMap<Task, Environment | Promise<Environment>>()
const filesRead = new WeakMap<Task, Readonly<Record<string, string>>>()

/**
 * The environment of a task's commands: `environment` of its definition over the process's, and that over its `dotenv` files, a later one
 * over an earlier one. A file that is not there is passed over. Rejects with all that is wrong in the files (outcome `unchanged`).
 * @param folder the folder of the task's Taskfile
 * @param env the process's; the same in all calls of a process
 */
export function environmentOf(task: Task, folder: string, env: Environment): Environment | Promise<Environment> {
  const { dotenv, environment } = task.definition
  if (dotenv === undefined && environment === undefined) return env
  const before = known.get(task)
  if (before !== undefined) return before
  const made =
    dotenv === undefined || dotenv.length === 0
      ? { ...env, ...environment }
      : readFiles(dotenvPaths(task, folder)).then((files) => {
          filesRead.set(task, files)
          return { ...files, ...env, ...environment }
        })
  known.set(task, made)
  return made
}

/** What a task's `dotenv` files said when its environment was read, by the name of the variable; undefined where it has none, or was not read. */
export const dotenvOf = (task: Task): Readonly<Record<string, string>> | undefined => filesRead.get(task)

/** The `dotenv` files of a task, absolute, whether they are there or not. `folder` is that of the task's Taskfile. */
export const dotenvPaths = ({ definition }: Task, folder: string): string[] =>
  (definition.dotenv ?? []).map((path: string) => resolve(folder, path))

async function readFiles(files: readonly string[]): Promise<Record<string, string>> {
  const { parseEnvFile } = await import('../validate/env-file.ts')
  const read = files.map((file) => {
    const text = textOf(file)
    return text === undefined ? { entries: [], failures: [] } : parseEnvFile(file, text, { secret: true })
  })
  const [first, ...rest] = read.flatMap(({ failures }) => failures)
  if (first) throw new FailureError(first, ...rest)
  return Object.fromEntries(read.flatMap(({ entries }) => entries.map(({ name, value }) => [name, value])))
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new FailureError({
      code: 'unreadable-file',
      message: `${file} cannot be read`,
      why: message,
      outcome: 'unchanged',
    })
  }
}

/** The working folder of a task's commands. */
export const workingFolder = (task: Task, folder: string): string =>
  task.definition.folder === undefined ? folder : resolve(folder, task.definition.folder)

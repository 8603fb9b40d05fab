import { dirname } from 'node:path'
import { ok, type Result } from '../model/failure.ts'
import { skipReason } from './conditions.ts'
import type { Task } from './definition.ts'
import { environmentOf, workingFolder } from './environment.ts'
import type { TaskNode } from './graph.ts'
import type { Invocation } from './invocation.ts'
import type { ConditionContext } from './options.ts'
import { checkInput } from './parse.ts'
import type { LoadedTasks } from './table.ts'

type Values = Readonly<Record<string, unknown>>

const noValues: Values = Object.freeze({})

/** Reads what tasks are given, in the folder and the environment of each. */
export class TaskReader {
  readonly #folder: string
  readonly #invocation: Invocation

  constructor(table: LoadedTasks, invocation: Invocation) {
    this.#folder = dirname(table.file)
    this.#invocation = invocation
  }

  /** The folder of a task's Taskfile. */
  base(task: Task): string {
    return task.folder ?? this.#folder
  }

  /** The values of a task's arguments from what another one passes. At once for a task without arguments: there may be many. */
  input(task: Task, input: unknown): Result<Values> | Promise<Result<Values>> {
    const { args = noValues } = task.definition
    const isPlain = Object.keys(args).length === 0
    if (isPlain && (input === undefined || Object.keys(input as object).length === 0)) return ok(noValues)
    return this.#input(task, (input ?? {}) as Values)
  }

  async #input(task: Task, input: Values): Promise<Result<Values>> {
    const { folder } = this.#invocation
    const env = await this.environment(task)
    return checkInput(task.definition.args ?? {}, input, { env, folder, workspaceFolder: this.base(task) })
  }

  /** The environment of a task's commands. Rejects with a `FailureError` when a file of it is wrong. */
  environment(task: Task): ReturnType<typeof environmentOf> {
    return environmentOf(task, this.base(task), this.#invocation.env)
  }

  /** The working folder of a task's commands. */
  workingFolder(task: Task): string {
    return workingFolder(task, this.base(task))
  }

  /** What a task's conditions are given. */
  async condition({ task, values }: TaskNode): Promise<ConditionContext<Values>> {
    return { args: values, env: await this.environment(task), folder: this.workingFolder(task) }
  }

  /** Why a node does not run; undefined when it does. */
  skip(node: TaskNode): ReturnType<typeof skipReason> {
    return skipReason(node, () => this.condition(node))
  }
}

import type { Secret } from '../model/secret.ts'
import type { Task, TaskContext, TaskTable } from './definition.ts'
import type { TaskNode } from './graph.ts'
import type { Invocation } from './invocation.ts'
import type { CallOptions } from './options.ts'
import { type OwnSurroundings, type SharedSurroundings, TaskScope } from './task-scope.ts'

/** How a task runs another one. */
export type CallHow = {
  /** The caller's own. */
  readonly signal: AbortSignal
  readonly options: CallOptions
}

/** What all tasks of an invocation are given. */
export type ContextHost = {
  readonly table: TaskTable
  readonly invocation: Invocation
  /** The folder of a task's Taskfile. */
  base(task: Task): string
  /** Runs a task that another one runs from its code. */
  call(caller: TaskNode, other: Task, input: unknown, how: CallHow): Promise<unknown>
  conceal(secret: Secret): void
  ask(question: string): Promise<string>
}

/** A run of a task: what all its attempts have in common. */
export type TaskRunParts = {
  readonly node: TaskNode
  /** What its needs have given: made of thousands for who asks. */
  readonly needs: () => Readonly<Record<string, unknown>>
  readonly own: OwnSurroundings
  readonly host: ContextHost & SharedSurroundings
}

/** What `run` of a task is given. All of it is made when it is first used: there may be 50,000 of these in a run. */
export class OwnContext implements TaskContext {
  readonly #parts: TaskRunParts
  readonly attempt: number
  #made: TaskScope | undefined
  #needs: TaskContext['needs'] | undefined

  constructor(parts: TaskRunParts, attempt: number) {
    this.#parts = parts
    this.attempt = attempt
  }

  /** The scope of a context that has used anything of it; undefined else. */
  static usedScope(context: OwnContext): TaskScope | undefined {
    return context.#made
  }

  /** The scope of a context. */
  static scope(context: OwnContext): TaskScope {
    return context.#scope
  }

  get #scope(): TaskScope {
    const { node, own, host } = this.#parts
    this.#made ??= new TaskScope(node.name, own, host)
    return this.#made
  }

  get needs(): TaskContext['needs'] {
    this.#needs ??= this.#parts.needs()
    return this.#needs
  }

  get name(): string {
    return this.#parts.node.name
  }

  get args(): TaskNode['values'] {
    return this.#parts.node.values
  }

  get env(): TaskContext['env'] {
    return this.#parts.own.env
  }

  get $(): TaskContext['$'] {
    return this.#scope.$
  }

  get log(): TaskContext['log'] {
    return this.#scope.log
  }

  get step(): TaskContext['step'] {
    return this.#scope.step
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  get run(): TaskContext['run'] {
    const { host, node } = this.#parts
    const scope = this.#scope
    // biome-ignore lint/suspicious/noExplicitAny: the type of the result is that of the other task, checked where it is called
    return (other, ...[input, options]): Promise<any> =>
      host.call(node, other, input, { signal: scope.signal, options: (options as CallOptions | undefined) ?? {} })
  }

  get tasks(): TaskTable {
    return this.#parts.host.table
  }

  get workspaceFolder(): string {
    return this.#parts.host.base(this.#parts.node.task)
  }

  get invocation(): Invocation {
    return this.#parts.host.invocation
  }

  get conceal(): TaskContext['conceal'] {
    return (secret) => this.#parts.host.conceal(secret)
  }

  get ask(): TaskContext['ask'] {
    return (question) => this.#parts.host.ask(question)
  }
}

import type { Secret } from '../model/secret.ts'
import type { Task, TaskContext, TaskTable } from './definition.ts'
import type { TaskNode } from './graph.ts'
import type { Invocation } from './invocation.ts'
import type { TaskScope } from './task-scope.ts'

/** What all tasks of an invocation are given. */
export type ContextHost = {
  readonly table: TaskTable
  readonly invocation: Invocation
  /** The folder of a task's Taskfile. */
  base(task: Task): string
  /** Runs a task that another one runs from its code. */
  call(caller: TaskNode, other: Task, input: unknown, signal: AbortSignal): Promise<unknown>
  conceal(secret: Secret): void
  ask(question: string): Promise<string>
}

/** What `run` of a task is given. All of it is made when it is first used: there may be 50,000 of these in a run. */
export class OwnContext implements TaskContext {
  readonly #node: TaskNode
  readonly #scope: TaskScope
  readonly #host: ContextHost
  readonly needs: Readonly<Record<string, unknown>>
  readonly attempt: number

  constructor(
    node: TaskNode,
    scope: TaskScope,
    host: ContextHost,
    needs: Readonly<Record<string, unknown>>,
    attempt: number,
  ) {
    this.#node = node
    this.#scope = scope
    this.#host = host
    this.needs = needs
    this.attempt = attempt
  }

  get name(): string {
    return this.#node.name
  }

  get args(): TaskNode['values'] {
    return this.#node.values
  }

  get env(): TaskContext['env'] {
    return this.#scope.env
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
    const [host, node, scope] = [this.#host, this.#node, this.#scope]
    // biome-ignore lint/suspicious/noExplicitAny: the type of the result is that of the other task, checked where it is called
    return (other, ...input): Promise<any> => host.call(node, other, input[0], scope.signal)
  }

  get tasks(): TaskTable {
    return this.#host.table
  }

  get workspaceFolder(): string {
    return this.#host.base(this.#node.task)
  }

  get invocation(): Invocation {
    return this.#host.invocation
  }

  get conceal(): TaskContext['conceal'] {
    return (secret) => this.#host.conceal(secret)
  }

  get ask(): TaskContext['ask'] {
    return (question) => this.#host.ask(question)
  }
}

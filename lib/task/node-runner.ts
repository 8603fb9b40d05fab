import { createRedactor } from '../log/redact.ts'
import { FailureError, unwrap } from '../model/failure.ts'
import { type Clock, systemClock } from '../system/clock.ts'
import type { Task, TaskContext } from './definition.ts'
import type { TaskEvent } from './events.ts'
import { executeTask } from './execute-task.ts'
import type { Guard } from './fingerprint/guard.ts'
import { cycle, nodeOf, type TaskNode, withDefaultCommand } from './graph.ts'
import type { Invocation } from './invocation.ts'
import { Labels } from './labels.ts'
import { Mutexes } from './mutexes.ts'
import type { TaskReader } from './reader.ts'
import { Slots } from './slots.ts'
import type { LoadedTasks } from './table.ts'
import { taskContext } from './task-context.ts'
import { Waits } from './waits.ts'

/** What the tasks of an invocation share while they run. */
export type NodeRunnerOptions = {
  table: LoadedTasks
  invocation: Invocation
  emit(event: TaskEvent): void
  ask?(question: string): Promise<string>
  jobs: number
  graceMs?: number
  clock?: Clock
  force?: boolean
  /** The workspace's `.ops` folder. */
  ops: string
  reader: TaskReader
  /** Runs a task that another one runs from its code, with all that it needs, and gives its value. */
  call(caller: TaskNode, root: TaskNode, signal: AbortSignal): Promise<unknown>
}

/** Runs the nodes of an invocation, each once: in its turn, at its place, under its mutexes. */
export class NodeRunner {
  /** Keeps what tasks conceal out of what is printed. */
  readonly redactor = createRedactor()
  readonly #options: NodeRunnerOptions
  readonly #slots: Slots
  readonly #mutexes: Mutexes
  readonly #labels = new Labels()
  readonly #nodes = new Map<string, TaskNode>()
  readonly #ranks = new Map<string, number>()
  readonly #started = new Map<string, Promise<unknown>>()
  /** Those that have got so far that their code ran. */
  readonly #begun = new Set<string>()
  readonly #ended = new Set<string>()
  readonly #waits = new Waits((id) => this.#ended.has(id))
  /** How many calls of other tasks a task waits for. */
  readonly #calls = new Map<string, number>()
  readonly #blame = new WeakMap<object, string>()
  readonly #failedAt = new Map<string, number>()
  /** The ids of tasks whose results others use. */
  readonly #wanted = new Set<string>()
  #guard: Guard | undefined

  constructor(options: NodeRunnerOptions) {
    const { jobs, ops, invocation, emit } = options
    this.#options = options
    this.#slots = new Slots(jobs)
    this.#mutexes = new Mutexes({
      ops,
      purpose: ['task', ...(invocation.argv ?? [])].join(' '),
      waitsFor: (id, other) => this.#waits.path(id, other) !== undefined,
      say: (id, text) => emit({ type: 'message', task: this.label(this.node(id)), level: 'info', text }),
    })
  }

  /** The label of a node's run; always the same one. */
  label(node: TaskNode): string {
    return this.#labels.of(node)
  }

  /** A node that was added. */
  node(id: string): TaskNode {
    return this.#nodes.get(id) as TaskNode
  }

  /** Adds a node, in the order of the places that they get; false when it is known. */
  add(node: TaskNode): boolean {
    if (this.#nodes.has(node.id)) return false
    this.#nodes.set(node.id, node)
    this.#ranks.set(node.id, this.#ranks.size)
    this.#waits.noteNeeds(node.id, Object.values(node.needs))
    return true
  }

  /** Notes whose results are used: by who needs them, by who called them, or to be printed. */
  want(nodes: readonly TaskNode[], roots: readonly TaskNode[], caller: TaskNode | undefined): void {
    for (const { id, task } of roots) {
      if (caller || this.#options.invocation.json || task.definition.render) this.#wanted.add(id)
    }
    for (const { needs } of nodes) for (const key in needs) this.#wanted.add(needs[key] as string)
  }

  /** Keeps what was found out for the next invocation. */
  end(): void {
    this.#guard?.end()
  }

  /** Takes a node out again that was not run. */
  forget({ id }: TaskNode): void {
    this.#nodes.delete(id)
  }

  /** The label of the task that threw an error, the first one; undefined when none did. */
  blamed(error: unknown): string | undefined {
    return typeof error === 'object' && error !== null ? this.#blame.get(error) : undefined
  }

  /** When a node failed, beside others. */
  failureOrder(id: string): number {
    return this.#failedAt.get(id) ?? 0
  }

  /** The run of a node: the one that has begun, or a new one. */
  once(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    const begun = this.#started.get(node.id)
    if (begun !== undefined) return begun
    const run = this.#run(node, signal)
    this.#started.set(node.id, run)
    return run
  }

  async #run(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    const { id, skip, after } = node
    try {
      if (skip !== undefined || (after && !after.some((owner) => this.#anyBegun(owner)))) {
        const message = skip ?? 'nothing began that it would end'
        const task = this.label(node)
        this.#options.emit({ type: 'task-ended', task, state: 'skipped', durationMs: 0, message })
        return undefined
      }
      const { mutex } = node.task.definition
      if (mutex === undefined) return await this.#inSlot(node, signal)
      return await this.#withMutexes(node, [mutex].flat(), signal)
    } catch (error) {
      this.#failedAt.set(id, this.#failedAt.size)
      if (typeof error === 'object' && error !== null && !this.#blame.has(error)) {
        this.#blame.set(error, this.label(node))
      }
      throw error
    } finally {
      this.#ended.add(id)
    }
  }

  async #withMutexes(node: TaskNode, names: readonly string[], signal: AbortSignal): Promise<unknown> {
    const release = await this.#mutexes.take(node.id, names, signal)
    try {
      return await this.#inSlot(node, signal)
    } finally {
      await release()
    }
  }

  async #inSlot(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    if (!this.#slots.tryTake()) await this.#takeSlot(node)
    try {
      signal.throwIfAborted()
      this.#begun.add(node.id)
      return await this.#execute(node, signal)
    } finally {
      this.#slots.release()
    }
  }

  #takeSlot({ id }: TaskNode): Promise<void> {
    return this.#slots.take(this.#ranks.get(id))
  }

  async #execute(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    const { emit, invocation, table, reader, graceMs = 10_000, clock = systemClock } = this.#options
    const found = reader.environment(node.task)
    const env = found instanceof Promise ? await found : found
    const needs = await this.#results(node)
    const execute = (marked: TaskContext['env'], given: Readonly<Record<string, unknown>>) =>
      executeTask(node, {
        label: this.label(node),
        folder: reader.workingFolder(node.task),
        env: marked,
        redactor: this.redactor,
        stdoutTaken: invocation.json,
        signal,
        emit,
        graceMs,
        context: (own, attempt) =>
          taskContext(node, own, {
            env,
            attempt,
            needs: given,
            tasks: table,
            workspaceFolder: reader.base(node.task),
            invocation,
            run: (other, ...input) => this.#call(node, other, input[0], own.signal),
            conceal: (secret) => this.redactor.add(secret),
            ask: (question) => this.#ask(question),
          }),
        wait: async (ms) => {
          this.#slots.release()
          try {
            await clock.sleep(ms, signal)
          } finally {
            await this.#takeSlot(node)
          }
        },
      })
    const { inputs, outputs } = node.task.definition
    if (inputs === undefined && outputs === undefined) return execute(env, needs)
    const guard = await this.#guarding()
    return guard.run({
      node,
      label: this.label(node),
      folder: reader.base(node.task),
      env,
      needs,
      signal,
      execute,
    })
  }

  async #guarding(): Promise<Guard> {
    const { Guard } = await import('./fingerprint/guard.ts')
    const { table, emit, force = false } = this.#options
    this.#guard ??= new Guard({
      table,
      emit,
      force,
      node: (id) => this.#nodes.get(id),
      wantsResult: (id) => this.#wanted.has(id),
      redact: (text) => this.redactor.text(text),
    })
    return this.#guard
  }

  /** What the needs returned; of one that failed and need not have succeeded, undefined. */
  async #results({ needs }: TaskNode): Promise<Record<string, unknown>> {
    const results: Record<string, unknown> = {}
    for (const key in needs) {
      try {
        results[key] = await this.#started.get(needs[key] as string)
      } catch {
        results[key] = undefined
      }
    }
    return results
  }

  /** `run(other, input)` within a task. The caller's place is free while it waits, so that one place is enough for all. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of the result is that of the other task, checked where it is called
  async #call(caller: TaskNode, other: Task, input: unknown, signal: AbortSignal): Promise<any> {
    const { table, reader, call } = this.#options
    const task = withDefaultCommand(other)
    const name = table.nameOf(task) ?? table.nameOf(other) ?? `${caller.name} › task`
    const root = nodeOf({ name, task, values: unwrap(await reader.input(task, input)) })
    if (!this.#ended.has(root.id)) this.#refuseCircle(caller, root)
    this.#waits.begin(caller.id, root.id)
    this.#mutexes.lend()
    await this.#changeCalls(caller, 1)
    try {
      return await call(caller, root, signal)
    } finally {
      this.#waits.end(caller.id, root.id)
      await this.#changeCalls(caller, -1)
    }
  }

  /** A task may wait for several others at once; its place is given back with the first, and taken again after the last. */
  async #changeCalls(node: TaskNode, change: 1 | -1): Promise<void> {
    const calls = (this.#calls.get(node.id) ?? 0) + change
    this.#calls.set(node.id, calls)
    if (change === 1 && calls === 1) this.#slots.release()
    if (change === -1 && calls === 0) await this.#takeSlot(node)
  }

  /** Throws when a node waits, over however many others, for the caller that is about to wait for it. */
  #refuseCircle(caller: TaskNode, root: TaskNode): void {
    const path = this.#waits.path(root.id, caller.id)
    if (path) throw new FailureError(cycle([caller, ...path.map((id) => this.#nodes.get(id) ?? root)]))
  }

  /** Whether a task's code ran, or that of something that it needs. */
  #anyBegun(owner: string): boolean {
    const reached = new Set([owner])
    for (const id of reached) {
      if (this.#begun.has(id)) return true
      for (const need of Object.values(this.#nodes.get(id)?.needs ?? {})) reached.add(need)
    }
    return false
  }

  async #ask(question: string): Promise<string> {
    const { ask } = this.#options
    if (ask) return ask(question)
    throw new FailureError({
      code: 'no-terminal',
      message: `there is no terminal to ask on: ${question.trim()}`,
      outcome: 'unchanged',
    })
  }
}

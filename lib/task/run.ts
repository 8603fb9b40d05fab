import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { walkGraph } from '../execute/walk.ts'
import { createRedactor } from '../log/redact.ts'
import { FailureError, type Result, unwrap } from '../model/failure.ts'
import type { Task, TaskContext } from './definition.ts'
import type { TaskEvent } from './events.ts'
import { executeTask, type OwnContext } from './execute-task.ts'
import type { Guard } from './fingerprint/guard.ts'
import { collectGraph, cycle, nodeId, type TaskNode, withDefaultCommand } from './graph.ts'
import type { Invocation } from './invocation.ts'
import { Labels } from './labels.ts'
import { checkInput } from './parse.ts'
import { Slots } from './slots.ts'
import type { LoadedTasks } from './table.ts'

/** What an invocation's tasks share. */
export type TaskRunOptions = {
  table: LoadedTasks
  invocation: Invocation
  /** Aborts everything. */
  signal: AbortSignal
  emit(event: TaskEvent): void
  /** Asks on the terminal; absent when there is nobody to ask. */
  ask?(question: string): Promise<string>
  /** How many tasks run at once; default is the number of cores. */
  jobs?: number
  /** Runs also what is up to date. */
  force?: boolean
  /** How long a task that was told to end may take for it, in milliseconds; default 10,000. */
  graceMs?: number
}

/** What became of the task that was asked for. `task` is the one that failed, which may be one that it needs. */
export type TaskEnd = { state: 'done'; value: unknown } | { state: 'failed'; error: unknown; task: string }

/** One invocation: runs tasks, each with the same arguments once. */
export class TaskRun {
  /** Keeps what tasks conceal out of what is printed. */
  readonly redactor = createRedactor()
  readonly #options: TaskRunOptions
  readonly #folder: string
  readonly #slots: Slots
  readonly #started = new Map<string, Promise<unknown>>()
  readonly #ended = new Set<string>()
  /** Who waits for whom, needs and dynamic calls alike, to find tasks that wait for each other. */
  readonly #waits = new Map<string, Map<string, number>>()
  /** How many calls of other tasks a task waits for. */
  readonly #calls = new Map<string, number>()
  readonly #nodes = new Map<string, TaskNode>()
  readonly #confirmed = new Set<string>()
  readonly #labels = new Labels()
  readonly #blame = new WeakMap<object, string>()
  /** The ids of tasks whose results others use. */
  readonly #wanted = new Set<string>()
  #guard: Guard | undefined

  constructor(options: TaskRunOptions) {
    this.#options = options
    this.#folder = dirname(options.table.file)
    this.#slots = new Slots(options.jobs ?? availableParallelism())
  }

  /** Runs a task with the values of its arguments, and before it all that it needs; asks before anything runs. */
  async run(name: string, task: Task, values: Readonly<Record<string, unknown>>): Promise<TaskEnd> {
    const root: TaskNode = { id: nodeId(task, values), name, task, values, needs: {} }
    // Whatever else runs, what was asked for goes by its name.
    this.#labels.of(root)
    try {
      return { state: 'done', value: await this.#walk(root, this.#options.signal) }
    } catch (error) {
      return { state: 'failed', error, task: this.#blamed(error) ?? name }
    } finally {
      this.#guard?.end()
    }
  }

  async #walk(root: TaskNode, signal: AbortSignal, caller?: TaskNode): Promise<unknown> {
    const { table, emit } = this.#options
    const nodes = unwrap(
      await collectGraph(
        root,
        (task, input) => this.#read(task, input),
        (task) => table.nameOf(task),
      ),
    )
    for (const node of nodes) {
      if (this.#nodes.has(node.id)) continue
      this.#nodes.set(node.id, node)
      this.#waits.set(node.id, new Map(Object.values(node.needs).map((id) => [id, 1])))
    }
    if (caller || this.#options.invocation.json || root.task.definition.render) this.#wanted.add(root.id)
    for (const { needs } of nodes) for (const id of Object.values(needs)) this.#wanted.add(id)
    for (const node of nodes) await this.#confirm(node)
    emit(this.#planned(nodes, caller))
    const ends = await walkGraph(
      nodes.map((node) => ({ id: node.id, after: Object.values(node.needs), node })),
      { concurrency: nodes.length, mode: 'fail-fast', signal, run: (node, inner) => this.#once(node, inner) },
    )
    const end = ends.get(root.id)
    if (end?.state === 'done') return end.value
    const all = [...ends.values()]
    const cause = all.find(({ state }) => state === 'failed') ?? all.find(({ state }) => state === 'aborted')
    throw cause && 'error' in cause ? cause.error : signal.reason
  }

  #planned(nodes: readonly TaskNode[], caller: TaskNode | undefined): TaskEvent {
    const label = (node: TaskNode) => this.#labels.of(node)
    const needs: Record<string, string[]> = {}
    for (const node of nodes) {
      const ids = Object.values(node.needs)
      if (ids.length > 0) needs[label(node)] = ids.map((id) => label(this.#nodes.get(id) as TaskNode))
    }
    return { type: 'tasks-planned', tasks: nodes.map(label), needs, ...(caller ? { by: label(caller) } : {}) }
  }

  #read(task: Task, input: unknown): Promise<Result<Readonly<Record<string, unknown>>>> {
    const { invocation } = this.#options
    return checkInput(task.definition.args ?? {}, (input ?? {}) as Record<string, unknown>, {
      env: invocation.env,
      folder: invocation.folder,
      workspaceFolder: task.folder ?? this.#folder,
    })
  }

  /** The run of a node: the one that has begun, or a new one. */
  #once(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    const begun = this.#started.get(node.id)
    if (begun !== undefined) return begun
    const run = this.#inSlot(node, signal)
    this.#started.set(node.id, run)
    return run
  }

  async #inSlot(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    await this.#slots.take()
    try {
      signal.throwIfAborted()
      return await this.#execute(node, signal)
    } catch (error) {
      if (typeof error === 'object' && error !== null && !this.#blame.has(error))
        this.#blame.set(error, this.#labels.of(node))
      throw error
    } finally {
      this.#ended.add(node.id)
      this.#slots.release()
    }
  }

  async #execute(node: TaskNode, signal: AbortSignal): Promise<unknown> {
    const { emit, invocation, graceMs = 10_000 } = this.#options
    const needs: Record<string, unknown> = {}
    for (const [key, id] of Object.entries(node.needs)) needs[key] = await this.#started.get(id)
    const label = this.#labels.of(node)
    const folder = node.task.folder ?? this.#folder
    const execute = (env: Invocation['env'], given: Readonly<Record<string, unknown>>) =>
      executeTask(node, {
        label,
        folder,
        env,
        redactor: this.redactor,
        stdoutTaken: invocation.json,
        signal,
        emit,
        graceMs,
        context: (own) => this.#context(node, given, own),
      })
    const { inputs, outputs } = node.task.definition
    if (inputs === undefined && outputs === undefined) return execute(invocation.env, needs)
    const guard = await this.#guarding()
    return guard.run({ node, label, folder, env: invocation.env, needs, signal, execute })
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

  #context(node: TaskNode, needs: Readonly<Record<string, unknown>>, own: OwnContext): TaskContext {
    const { table, invocation } = this.#options
    const { signal } = own
    return {
      ...own,
      name: node.name,
      args: node.values,
      needs,
      run: (other, ...input) => this.#call(node, other, input[0], signal),
      tasks: table,
      workspaceFolder: node.task.folder ?? this.#folder,
      invocation,
      conceal: (secret) => this.redactor.add(secret),
      ask: (question) => this.#ask(question),
    }
  }

  /** `run(other, input)` within a task. The caller's place is free while it waits, so that one place is enough for all. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of the result is that of the other task, checked where it is called
  async #call(caller: TaskNode, other: Task, input: unknown, signal: AbortSignal): Promise<any> {
    const task = withDefaultCommand(other)
    const name = this.#options.table.nameOf(task) ?? this.#options.table.nameOf(other) ?? `${caller.name} › task`
    const values = unwrap(await this.#read(task, input))
    const root: TaskNode = { id: nodeId(task, values), name, task, values, needs: {} }
    const waits = this.#waits.get(caller.id) as Map<string, number>
    if (!this.#ended.has(root.id)) this.#refuseCircle(caller, root)
    waits.set(root.id, (waits.get(root.id) ?? 0) + 1)
    await this.#changeCalls(caller, 1)
    try {
      return await this.#walk(root, signal, caller)
    } finally {
      const left = (waits.get(root.id) ?? 1) - 1
      if (left === 0) waits.delete(root.id)
      else waits.set(root.id, left)
      await this.#changeCalls(caller, -1)
    }
  }

  /** A task may wait for several others at once; its place is given back with the first, and taken again after the last. */
  async #changeCalls({ id }: TaskNode, change: 1 | -1): Promise<void> {
    const calls = (this.#calls.get(id) ?? 0) + change
    this.#calls.set(id, calls)
    if (change === 1 && calls === 1) this.#slots.release()
    if (change === -1 && calls === 0) await this.#slots.take()
  }

  /** Throws when a node waits, over however many others, for the caller that is about to wait for it. */
  #refuseCircle(caller: TaskNode, root: TaskNode): void {
    const cameFrom = new Map<string, string | undefined>([[root.id, undefined]])
    for (const id of cameFrom.keys()) {
      if (id === caller.id) {
        const path: TaskNode[] = []
        for (let at: string | undefined = id; at !== undefined; at = cameFrom.get(at)) {
          path.unshift(this.#nodes.get(at) ?? root)
        }
        throw new FailureError(cycle([caller, ...path]))
      }
      for (const next of this.#waits.get(id)?.keys() ?? []) {
        if (!cameFrom.has(next) && !this.#ended.has(next)) cameFrom.set(next, id)
      }
    }
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

  async #confirm({ id, name, task, values }: TaskNode): Promise<void> {
    const { confirm } = task.definition
    if (!confirm || this.#confirmed.has(id) || this.#started.has(id)) return
    this.#confirmed.add(id)
    const question = typeof confirm === 'string' ? confirm : confirm({ args: values })
    if (question === false || this.#options.invocation.yes) return
    if (!this.#options.ask) {
      throw new FailureError({
        code: 'no-terminal',
        message: `task ${name} asks before it runs, and there is no terminal to ask on: ${question}`,
        next: [`task --yes ${this.#options.invocation.argv.join(' ')}`],
        outcome: 'unchanged',
      })
    }
    const answer = await this.#ask(`${question} [y/N] `)
    if (/^y(es)?$/i.test(answer.trim())) return
    throw new FailureError({ code: 'declined', message: `declined; ${name} did not run`, outcome: 'unchanged' })
  }

  #blamed(error: unknown): string | undefined {
    return typeof error === 'object' && error !== null ? this.#blame.get(error) : undefined
  }
}

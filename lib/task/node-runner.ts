import { createRedactor } from '../log/redact.ts'
import { FailureError, unwrap } from '../model/failure.ts'
import { type Clock, systemClock } from '../system/clock.ts'
import { eitherSignal } from '../system/either-signal.ts'
import type { Task, TaskContext } from './definition.ts'
import type { TaskEvent } from './events.ts'
import { executeTask, type TaskHost } from './execute-task.ts'
import type { Guard } from './fingerprint/guard.ts'
import { circle, needIds, nodeOf, type TaskNode, withDefaultCommand } from './graph.ts'
import type { Invocation } from './invocation.ts'
import { Labels } from './labels.ts'
import { Mutexes } from './mutexes.ts'
import { newState, noNeeds, resultsOf, type NodeState as State } from './node-state.ts'
import type { TaskReader } from './reader.ts'
import { mayBeUpToDate, type Services } from './services.ts'
import { Slots } from './slots.ts'
import type { LoadedTasks } from './table.ts'
import type { CallHow } from './task-context.ts'
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
  services?: Services
  /** Runs a task that another one runs from its code, with all that it needs, and gives its value. */
  call(caller: TaskNode, root: TaskNode, signal: AbortSignal): Promise<unknown>
}

/** Runs the nodes of an invocation, each once: in its turn, at its place, under its mutexes. */
export class NodeRunner {
  /** Keeps what tasks conceal out of what is printed. */
  readonly redactor = createRedactor()
  readonly #options: NodeRunnerOptions
  readonly #host: TaskHost
  readonly #slots: Slots
  readonly #mutexes: Mutexes
  readonly #labels = new Labels()
  readonly #states = new Map<string, State>()
  readonly #waits = new Waits((id) => this.#states.get(id)?.ended === true)
  readonly #blame = new WeakMap<object, string>()
  #guard: Guard | undefined
  #failures = 0
  /** How many runs have been asked for although there had been one. */
  #repeated = 0

  constructor(options: NodeRunnerOptions) {
    const { jobs, ops, invocation, emit, table, reader, graceMs = 10_000, clock = systemClock } = options
    this.#options = options
    this.#slots = new Slots(jobs)
    this.#mutexes = new Mutexes({
      ops,
      purpose: ['task', ...(invocation.shownArgv ?? invocation.argv ?? [])].join(' '),
      waitsFor: (id, other) => this.#waits.path(id, other) !== undefined,
      say: (id, text) => emit({ type: 'message', task: this.label(this.node(id)), level: 'info', text }),
    })
    this.#host = {
      table,
      invocation,
      redactor: this.redactor,
      stdoutTaken: invocation.json,
      emit,
      graceMs,
      base: (task) => reader.base(task),
      call: (caller, other, input, how) => this.#call(caller, other, input, how),
      conceal: (secret) => this.redactor.add(secret),
      ask: (question) => this.#ask(question),
      wait: async (node, ms, signal) => {
        this.#slots.release()
        try {
          await clock.sleep(ms, signal)
        } finally {
          await this.#slots.take(this.#state(node).rank)
        }
      },
    }
  }

  /** The label of a node's run; always the same one. */
  label(node: TaskNode): string {
    return this.#states.get(node.id)?.label ?? this.#labels.of(node)
  }

  /** A node that was added. */
  node(id: string): TaskNode {
    return (this.#states.get(id) as State).node
  }

  /** Adds a node, in the order of the places that they get; false when it is known. */
  add(node: TaskNode): boolean {
    if (this.#states.has(node.id)) return false
    const rank = this.#states.size
    const label = this.#labels.of(node)
    this.#states.set(node.id, newState(node, rank, label))
    this.#waits.noteNeeds(node.id, needIds(node))
    return true
  }

  /** Takes a node out again that was not run. */
  forget({ id }: TaskNode): void {
    this.#states.delete(id)
  }

  /** Notes whose results are used: by who needs them, by who called them, or to be printed. */
  want(nodes: readonly TaskNode[], roots: readonly TaskNode[], caller: TaskNode | undefined): void {
    for (const root of roots) {
      if (caller || this.#options.invocation.json || root.task.definition.render) this.#state(root).wanted = true
    }
    for (const node of nodes) for (const id of needIds(node)) (this.#states.get(id) as State).wanted = true
  }

  /** Keeps what was found out for the next invocation. */
  end(): void {
    this.#guard?.end()
  }

  /** The label of the task that threw an error, the first one; undefined when none did. */
  blamed(error: unknown): string | undefined {
    return typeof error === 'object' && error !== null ? this.#blame.get(error) : undefined
  }

  /** When a node failed, beside others. */
  failureOrder(id: string): number {
    return this.#states.get(id)?.failedAt ?? 0
  }

  #state({ id }: TaskNode): State {
    return this.#states.get(id) as State
  }

  /** The run of a node: the one that has begun, or a new one. Gives its value where the node has ended at once, else a promise of it. */
  once(node: TaskNode, signal: AbortSignal): Promise<unknown> | unknown {
    const state = this.#state(node)
    state.run ??= this.#runAtOnce(node, state, signal) ?? this.#run(node, state, signal)
    return state.run instanceof Promise ? state.run : state.value
  }

  /** Runs a node that nothing has to be waited for; undefined where there may be. Of many nodes that do little, the promises are what costs. */
  #runAtOnce(node: TaskNode, state: State, signal: AbortSignal): State['run'] {
    const { skip, after, task } = node
    const { mutex, persistent } = task.definition
    if (skip !== undefined || after || mutex !== undefined || persistent || mayBeUpToDate(node)) return undefined
    const { reader } = this.#options
    const env = reader.environment(task)
    if (env instanceof Promise || needIds(node).length > 0 || signal.aborted || !this.#slots.tryTake()) return undefined
    state.begun = true
    const own = { label: state.label, folder: reader.workingFolder(task), env, signal }
    const value = executeTask(node, noNeeds, own, this.#host)
    if (value instanceof Promise) return this.#settle(state, value)
    this.#slots.release()
    state.ended = true
    state.value = value
    return 'ended'
  }

  async #settle(state: State, running: Promise<unknown>): Promise<unknown> {
    try {
      state.value = await running
      return state.value
    } catch (error) {
      throw this.#blamedOn(state, error)
    } finally {
      this.#slots.release()
      state.ended = true
    }
  }

  /** Notes whose an error is, and when it came beside others; gives it. */
  #blamedOn(state: State, error: unknown): unknown {
    this.#failures += 1
    state.failedAt = this.#failures
    if (typeof error === 'object' && error !== null && !this.#blame.has(error)) this.#blame.set(error, state.label)
    return error
  }

  async #run(node: TaskNode, state: State, signal: AbortSignal): Promise<unknown> {
    const { skip, after } = node
    const { mutex } = node.task.definition
    let release: (() => Promise<void>) | undefined
    try {
      if (skip !== undefined || (after && !after.some((owner) => this.#anyBegun(owner)))) {
        const message = skip ?? 'nothing began that it would end'
        this.#options.emit({ type: 'task-ended', task: state.label, state: 'skipped', durationMs: 0, message })
        return undefined
      }
      const serve = (inner: AbortSignal) => {
        state.begun = true
        return this.#execute(node, state.label, inner)
      }
      if (this.#options.services?.takes(node, serve)) return undefined
      if (mutex !== undefined) release = await this.#mutexes.take(node.id, [mutex].flat(), signal)
      if (!this.#slots.tryTake()) await this.#slots.take(state.rank)
      try {
        signal.throwIfAborted()
        state.begun = true
        state.value = await this.#execute(node, state.label, signal)
        return state.value
      } finally {
        this.#slots.release()
      }
    } catch (error) {
      throw this.#blamedOn(state, error)
    } finally {
      state.ended = true
      await release?.()
    }
  }

  async #execute(node: TaskNode, label: string, signal: AbortSignal): Promise<unknown> {
    const { reader } = this.#options
    const env = await reader.environment(node.task)
    const needs = () => resultsOf(node, this.#states)
    const folder = reader.workingFolder(node.task)
    if (!mayBeUpToDate(node)) return executeTask(node, needs, { label, folder, env, signal }, this.#host)
    const execute = async (marked: TaskContext['env'], given: Readonly<Record<string, unknown>>) =>
      executeTask(node, () => given, { label, folder, env: marked, signal }, this.#host)
    const guard = await this.#guarding()
    return guard.run({ node, label, folder: reader.base(node.task), env, needs: needs(), signal, execute })
  }

  async #guarding(): Promise<Guard> {
    const { Guard } = await import('./fingerprint/guard.ts')
    const { table, emit, force = false } = this.#options
    this.#guard ??= new Guard({
      table,
      emit,
      force,
      node: (id) => this.#states.get(id)?.node,
      wantsResult: (id) => this.#states.get(id)?.wanted === true,
      redact: (text) => this.redactor.text(text),
    })
    return this.#guard
  }

  /** `run(other, input)` within a task. The caller's place is free while it waits, so that one place is enough for all. */
  async #call(caller: TaskNode, other: Task, input: unknown, { signal, options }: CallHow): Promise<unknown> {
    const { table, reader, call } = this.#options
    const task = withDefaultCommand(other)
    const name = table.nameOf(task) ?? table.nameOf(other) ?? `${caller.name} › task`
    const node = nodeOf({ name, task, values: unwrap(await reader.input(task, input)) })
    const root = options.again ? { ...node, id: `${node.id} again ${++this.#repeated}` } : node
    if (!this.#states.get(root.id)?.ended) this.#refuseCircle(caller, root)
    this.#waits.begin(caller.id, root.id)
    this.#mutexes.lend()
    await this.#changeCalls(caller, 1)
    const either = eitherSignal(signal, ...(options.signal ? [options.signal] : []))
    try {
      return await call(caller, root, either.signal)
    } finally {
      either.dispose()
      this.#waits.end(caller.id, root.id)
      await this.#changeCalls(caller, -1)
    }
  }

  /** A task may wait for several others at once; its place is given back with the first, and taken again after the last. */
  async #changeCalls(node: TaskNode, change: 1 | -1): Promise<void> {
    const state = this.#state(node)
    state.calls += change
    if (change === 1 && state.calls === 1) this.#slots.release()
    if (change === -1 && state.calls === 0) await this.#slots.take(state.rank)
  }

  /** Throws when a node waits, over however many others, for the caller that is about to wait for it. */
  #refuseCircle(caller: TaskNode, root: TaskNode): void {
    const path = this.#waits.path(root.id, caller.id)
    if (path) throw new FailureError(circle([caller, ...path.map((id) => this.#states.get(id)?.node ?? root)]))
  }

  /** Whether a task's code ran, or that of something that it needs. */
  #anyBegun(owner: string): boolean {
    const reached = new Set([owner])
    for (const id of reached) {
      const state = this.#states.get(id)
      if (state?.begun) return true
      for (const need of state ? needIds(state.node) : []) reached.add(need)
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

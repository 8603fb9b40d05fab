import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { walkGraph } from '../execute/walk.ts'
import { FailureError, ok, type Result, unwrap } from '../model/failure.ts'
import type { Clock } from '../system/clock.ts'
import { eitherSignal } from '../system/either-signal.ts'
import { failedPreconditions } from './conditions.ts'
import { confirmAll } from './confirmations.ts'
import type { Task } from './definition.ts'
import type { TaskEvent } from './events.ts'
import type { TaskStatus } from './fingerprint/explain.ts'
import { collectGraph, needIds, nodeOf, rolesOf, type TaskNode, type TaskRequest } from './graph.ts'
import type { Invocation } from './invocation.ts'
import { NodeRunner } from './node-runner.ts'
import { type PlannedTask, plannedTasks } from './plan.ts'
import { TaskReader } from './reader.ts'
import {
  type Blame,
  endOf,
  failuresOf,
  type RunEnd,
  skippedEvents,
  type TaskEnd,
  type TaskFailure,
  toleratedEvents,
  type Walked,
} from './run-end.ts'
import { mayBeUpToDate, Services } from './services.ts'
import type { LoadedTasks } from './table.ts'
import { walkNode } from './walk-node.ts'

export type { RunEnd, TaskEnd, TaskFailure } from './run-end.ts'

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
  /** What a failure ends: everything, or (`continue`) only what depends on it, or (`continue-always`) nothing. */
  mode?: 'fail-fast' | 'continue' | 'continue-always'
  /** Only what is asked for: neither what it needs nor its `finally` tasks. */
  only?: boolean
  /** Persistent tasks that others need run in processes of their own (`--watch`), and not in this one. */
  servicesElsewhere?: boolean
  /** How long a task that was told to end may take for it, in milliseconds; default 10,000. */
  graceMs?: number
  /** How long `finally` tasks may take after everything was told to end, in milliseconds; default 30,000. */
  finallyMs?: number
  /** For the waits between attempts. */
  clock?: Clock
}

/** How a graph is walked. */
type How = {
  signal: AbortSignal
  mode: NonNullable<TaskRunOptions['mode']>
  only: boolean
  /** The task that runs these from its code. */
  caller?: TaskNode
}

/** Beside those that have a place, so many may wait for something else: a mutex, their next attempt. */
const waitingBeside = 64

/** One invocation: runs tasks, each with the same arguments once. */
export class TaskRun {
  readonly #options: TaskRunOptions
  readonly #jobs: number
  readonly #reader: TaskReader
  readonly #runner: NodeRunner
  readonly #blame: Blame
  /** The service that has failed first, and what ends everything then. */
  #failed: TaskFailure | undefined
  readonly #stop = new AbortController()
  readonly #services: Services
  /** Ends the `finally` tasks when everything was told to end, and their time is up. */
  readonly #last = new AbortController()
  #walks = 0

  constructor(options: TaskRunOptions) {
    const { table, jobs = availableParallelism(), invocation } = options
    this.#options = options
    this.#jobs = jobs
    this.#reader = new TaskReader(table, invocation)
    this.#services = new Services({
      elsewhere: options.servicesElsewhere ?? false,
      onFailure: (error, node) => {
        this.#failed ??= { error, task: this.#runner.label(node) }
        this.#stop.abort(error)
      },
    })
    this.#runner = new NodeRunner({
      ...options,
      jobs,
      services: this.#services,
      ops: join(dirname(table.file), '.ops'),
      reader: this.#reader,
      call: (caller, root, signal) => this.#call(caller, root, signal),
    })
    this.#blame = {
      label: (id, error) => this.#runner.blamed(error) ?? this.#runner.label(this.#runner.node(id)),
      order: (id) => this.#runner.failureOrder(id),
      reason: () => options.signal.reason,
    }
  }

  /** Keeps what tasks conceal out of what is printed. */
  get redactor(): NodeRunner['redactor'] {
    return this.#runner.redactor
  }

  /** Runs one task; see `runAll`. */
  async run(name: string, task: Task, values: TaskRequest['values']): Promise<Exclude<TaskEnd, { state: 'stopped' }>> {
    const { ends, failures } = await this.runAll([{ name, task, values }])
    const [failure] = failures
    if (failure) return { state: 'failed', ...failure }
    return ends[0] as Exclude<TaskEnd, { state: 'stopped' }>
  }

  /**
   * Runs tasks with the values of their arguments, and before each all that it needs, as one graph: their order is none, but with one place
   * they start in it. What keeps all from running (a cycle, a precondition, a declined question) is told before anything runs.
   */
  async runAll(requests: readonly TaskRequest[]): Promise<RunEnd> {
    const either = eitherSignal(this.#options.signal, this.#stop.signal)
    const { signal } = either
    const { mode = 'fail-fast', finallyMs = 30_000, only = false } = this.#options
    const roots = this.#roots(requests)
    let timer: NodeJS.Timeout | undefined
    const endLast = () => {
      timer = setTimeout(() => this.#last.abort(signal.reason), finallyMs)
    }
    signal.addEventListener('abort', endLast, { once: true })
    this.#services.ask(roots)
    try {
      const walked = await this.#walk(roots, { signal, mode, only })
      // What it has ended has no failure of its own.
      if (this.#failed) return failedEnd(roots, this.#failed)
      return endOf(roots, walked, this.#blame)
    } catch (error) {
      return failedEnd(roots, { error, task: this.#runner.blamed(error) ?? (requests[0] as TaskRequest).name })
    } finally {
      await this.#services.end()
      signal.removeEventListener('abort', endLast)
      either.dispose()
      clearTimeout(timer)
      this.#runner.end()
    }
  }

  /** What `runAll` would run, in which order and why, and what is up to date. Runs nothing but the tasks' `when`. */
  async plan(requests: readonly TaskRequest[]): Promise<Result<PlannedTask[]>> {
    const roots = this.#roots(requests)
    const nodes = await this.#collect(roots, this.#options.only ?? false)
    if (!nodes.ok) return nodes
    const statuses = this.#options.force ? undefined : await this.#statuses(nodes.value)
    return ok(this.#planned(nodes.value, roots, statuses))
  }

  async #statuses(nodes: readonly TaskNode[]): Promise<ReadonlyMap<string, TaskStatus> | undefined> {
    if (!nodes.some(mayBeUpToDate)) return undefined
    const { explainAll } = await import('./fingerprint/explain.ts')
    return explainAll(nodes, this.#options.table, this.#reader)
  }

  /** What would run, needs first, and under which labels; runs nothing but the tasks' `when`. */
  async graph(
    requests: readonly TaskRequest[],
  ): Promise<Result<{ nodes: TaskNode[]; roots: TaskNode[]; label(node: TaskNode): string }>> {
    const roots = this.#roots(requests)
    const nodes = await this.#collect(roots, this.#options.only ?? false)
    return nodes.ok ? ok({ nodes: nodes.value, roots, label: (node) => this.#runner.label(node) }) : nodes
  }

  /** Whatever else runs, what was asked for goes by its name. */
  #roots(requests: readonly TaskRequest[]): TaskNode[] {
    const roots = requests.map(nodeOf)
    for (const root of roots) this.#runner.label(root)
    return roots
  }

  #collect(roots: readonly TaskNode[], only: boolean): Promise<Result<TaskNode[]>> {
    const { table } = this.#options
    this.#walks += 1
    return collectGraph(roots, {
      readInput: (task, input) => this.#reader.input(task, input),
      nameOf: (task) => table.nameOf(task),
      skip: (node) => this.#reader.skip(node),
      turn: String(this.#walks),
      only,
    })
  }

  async #walk(roots: readonly TaskNode[], { signal, mode, only, caller }: How): Promise<Walked> {
    const { emit } = this.#options
    const nodes = unwrap(await this.#collect(roots, only))
    await this.#admit(nodes, roots, signal)
    emit(this.#plannedEvent(nodes, caller))
    this.#runner.want(nodes, roots, caller)
    const roles = rolesOf(nodes, roots)
    const ends = await walkGraph(
      nodes.map((node) => walkNode(node, roles)),
      {
        concurrency: this.#jobs + (this.#jobs > 1 && nodes.some(mayWait) ? waitingBeside : 0),
        mode,
        signal,
        lastSignal: this.#last.signal,
        run: (node, inner) => this.#runner.once(node, inner),
      },
    )
    const walked = { nodes, roles, ends }
    for (const event of toleratedEvents(walked, this.#blame, this.redactor)) emit(event)
    if (mode === 'continue') for (const event of skippedEvents(walked, this.#blame)) emit(event)
    return walked
  }

  /** Lets nodes run that are new: their preconditions hold, and who is to confirm them has. */
  async #admit(nodes: readonly TaskNode[], roots: readonly TaskNode[], signal: AbortSignal): Promise<void> {
    const fresh = nodes.filter((node) => this.#runner.add(node))
    try {
      await this.#checkPreconditions(fresh, signal)
      await confirmAll(fresh, () => this.#planned(nodes, roots), this.#options)
    } catch (error) {
      // Who asks for them again is asked again.
      for (const node of fresh) this.#runner.forget(node)
      throw error
    }
  }

  async #checkPreconditions(nodes: readonly TaskNode[], signal: AbortSignal): Promise<void> {
    const conditional = nodes.filter(({ task, skip }) => task.definition.preconditions && skip === undefined)
    const found = await Promise.all(
      conditional.map(async (node) => {
        const context = await this.#reader.condition(node)
        return failedPreconditions(node, { context, env: context.env, signal })
      }),
    )
    const [first, ...rest] = found.flat()
    if (first) throw new FailureError(first, ...rest)
  }

  #planned(
    nodes: readonly TaskNode[],
    roots: readonly TaskNode[],
    statuses?: ReadonlyMap<string, TaskStatus>,
  ): PlannedTask[] {
    return plannedTasks(nodes, new Set(roots.map(({ id }) => id)), (node) => this.#runner.label(node), statuses)
  }

  #plannedEvent(nodes: readonly TaskNode[], caller: TaskNode | undefined): TaskEvent {
    const label = (id: string) => this.#runner.label(this.#runner.node(id))
    const needs: Record<string, string[]> = {}
    const tasks: string[] = []
    for (const node of nodes) {
      const own = this.#runner.label(node)
      tasks.push(own)
      const ids = needIds(node)
      if (ids.length > 0) needs[own] = ids.map(label)
    }
    return { type: 'tasks-planned', tasks, needs, ...(caller ? { by: label(caller.id) } : {}) }
  }

  /** The value of a task that another one runs from its code. */
  async #call(caller: TaskNode, root: TaskNode, signal: AbortSignal): Promise<unknown> {
    const walked = await this.#walk([root], { signal, mode: 'fail-fast', only: false, caller })
    const [failure] = failuresOf(walked, { ...this.#blame, reason: () => signal.reason })
    if (failure) throw failure.error
    return (walked.ends.get(root.id) as { value?: unknown }).value
  }
}

const failedEnd = (roots: readonly TaskNode[], failure: TaskFailure): RunEnd => ({
  ends: roots.map(() => ({ state: 'failed', ...failure })),
  failures: [failure],
})

const mayWait = ({ task: { definition } }: TaskNode): boolean =>
  definition.mutex !== undefined || definition.retry !== undefined

import { inspect } from 'node:util'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { type BoundTask, isTask, numberOf, type Task } from './definition.ts'

/** A task with its arguments: what runs once in an invocation. */
export type TaskNode = {
  /** Identifies task and arguments within this process. */
  id: string
  name: string
  task: Task
  values: Readonly<Record<string, unknown>>
  /** The ids of the needed nodes, by the name under which the task gets their results. */
  needs: Readonly<Record<string, string>>
  /** The names among them whose failure is none of this task's. */
  optional?: ReadonlySet<string>
  /** The ids of the nodes after whose end this one runs, however they end. */
  after?: string[]
  /** Why it does not run: its condition does not hold. */
  skip?: string
}

/** A task that is asked for, with the values of its arguments. */
export type TaskRequest = { name: string; task: Task; values: Readonly<Record<string, unknown>> }

/** Gives the values of a task's arguments from what another one passes. */
export type ReadInput = (
  task: Task,
  input: unknown,
) => Result<Readonly<Record<string, unknown>>> | Promise<Result<Readonly<Record<string, unknown>>>>

/** How a graph is collected. */
export type CollectOptions = {
  readInput: ReadInput
  nameOf(task: Task): string | undefined
  /** Why a node does not run; what it alone needs is not collected then. */
  skip?(node: TaskNode): string | undefined | Promise<string | undefined>
  /** Tells the runs of `finally` tasks of one collection from those of another: a need runs once, these run each time. */
  turn?: string
  /** Only what is asked for, without needs and `finally` tasks. */
  only?: boolean
}

/** Names a task and its arguments' values; equal for equal values, also of other types than JSON has. */
export function nodeId(task: Task, values: Readonly<Record<string, unknown>>): string {
  const number = numberOf(task)
  for (const _ in values) return `${number} ${valuesText(values)}`
  return String(number)
}

/** A text that is equal for equal values. Of plain ones without `inspect`, which takes longer than a small task. */
function valuesText(values: Readonly<Record<string, unknown>>): string {
  let text = ''
  for (const key of Object.keys(values).sort()) {
    const value = values[key]
    if (typeof value === 'string') text += `${JSON.stringify(key)}=${JSON.stringify(value)} `
    else if (typeof value === 'boolean' || value === undefined) text += `${JSON.stringify(key)}=${value} `
    else {
      const whole = {
        depth: Number.POSITIVE_INFINITY,
        maxArrayLength: null,
        maxStringLength: null,
        sorted: true,
      } as const
      return inspect(values, whole)
    }
  }
  return text
}

const none: Readonly<Record<string, string>> = Object.freeze({})
const noIds: readonly string[] = Object.freeze([])

/** Listed once: of a record with thousands of names, Node takes a millisecond for it, and several ask. */
const listed = new WeakMap<TaskNode['needs'], readonly string[]>()

/** The ids of the nodes that a node needs. */
export function needIds({ needs }: TaskNode): readonly string[] {
  if (needs === none) return noIds
  let ids = listed.get(needs)
  if (ids === undefined) {
    ids = Object.values(needs)
    listed.set(needs, ids)
  }
  return ids
}

/** The node of a task with its arguments, before its needs are known. */
export const nodeOf = ({ name, task, values }: TaskRequest): TaskNode => ({
  id: nodeId(task, values),
  name,
  task,
  values,
  needs: none,
})

/**
 * Collects tasks with all that they need, each task with the same arguments once, in an order that respects needs and the order of what
 * is asked for. Fails when a needed task's arguments are not complete, and on a cycle, which it names. Costs no stack.
 */
export async function collectGraph(roots: readonly TaskNode[], options: CollectOptions): Promise<Result<TaskNode[]>> {
  const { readInput, nameOf, skip, turn = '', only = false } = options
  const nodes = new Map<string, TaskNode>(roots.map((root) => [root.id, root]))
  const failures: Failure[] = []
  const put = (
    read: Result<Readonly<Record<string, unknown>>>,
    { node, name, task, suffix }: { node: TaskNode; name: string; task: Task; suffix: string },
  ): string | undefined => {
    if (!read.ok) {
      failures.push(...read.failures.map((failure) => withNames(failure, name, node.name)))
      return undefined
    }
    const id = nodeId(task, read.value) + suffix
    if (!nodes.has(id)) nodes.set(id, { id, name, task, values: read.value, needs: none })
    return id
  }
  const take = (
    node: TaskNode,
    key: string,
    need: Task | BoundTask,
    suffix: string,
  ): string | undefined | Promise<string | undefined> => {
    const bound = isTask(need) ? undefined : need
    const given = bound === undefined ? (need as Task) : bound.task
    const task = given.defaultCommand === undefined ? given : withDefaultCommand(given)
    const name = nameOf(task) ?? key
    const reading = readInput(task, bound?.input)
    const by = { node, name, task, suffix }
    return reading instanceof Promise ? reading.then((read) => put(read, by)) : put(reading, by)
  }
  const takePlain = (key: string, task: Task): string => {
    const id = nodeId(task, noValues)
    if (!nodes.has(id)) nodes.set(id, { id, name: nameOf(task) ?? key, task, values: noValues, needs: none })
    return id
  }
  for (const node of nodes.values()) {
    const { needs, finally: last } = node.task.definition
    const why = skip?.(node)
    const reason = typeof why === 'object' ? await why : why
    if (reason !== undefined) {
      node.skip = reason
      continue
    }
    if (only) continue
    if (needs !== undefined) {
      const ids: Record<string, string> = {}
      for (const key in needs) {
        const need = needs[key] as Task | BoundTask
        const taken = isPlain(need) ? takePlain(key, need) : take(node, key, need, '')
        const id = typeof taken === 'object' ? await taken : taken
        if (id === undefined) continue
        ids[key] = id
        if ('optional' in need && need.optional) node.optional = new Set([...(node.optional ?? []), key])
      }
      node.needs = ids
    }
    if (last === undefined) continue
    for (const [key, one] of Object.entries(last as Record<string, Task | BoundTask>)) {
      const id = await take(node, key, one, ` finally ${turn}`)
      if (id === undefined) continue
      const cleaner = nodes.get(id) as TaskNode
      cleaner.after = [...(cleaner.after ?? []), node.id]
    }
  }
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return order(nodes)
}

const noValues: TaskNode['values'] = Object.freeze({})

/** Whether a need is a task that has nothing to read before it is known what runs. There may be 50,000 of them. */
const isPlain = (need: Task | BoundTask): need is Task =>
  isTask(need) && need.definition.args === undefined && need.defaultCommand === undefined

const withNames = (failure: Failure, name: string, by: string): Failure => ({
  ...failure,
  message: `${name}, which ${by} needs: ${failure.message}`,
  outcome: 'unchanged',
})

/** A task that only has commands stands for its default one. */
export function withDefaultCommand(task: Task): Task {
  const command = task.defaultCommand === undefined ? undefined : task.commands[task.defaultCommand]
  return command ? withDefaultCommand(command) : task
}

/** Depth first, with a stack of its own: what comes before, then the node; in the order in which they were collected. */
function order(nodes: ReadonlyMap<string, TaskNode>): Result<TaskNode[]> {
  const ordered: TaskNode[] = []
  const states = new Map<string, 'open' | 'closed'>()
  const stack: { node: TaskNode; before: readonly string[]; at: number }[] = []
  const enter = (node: TaskNode): void => {
    const needs = needIds(node)
    const before = node.after ? [...needs, ...node.after] : needs
    if (before.length > 0) {
      states.set(node.id, 'open')
      stack.push({ node, before, at: 0 })
      return
    }
    states.set(node.id, 'closed')
    ordered.push(node)
  }
  for (const start of nodes.values()) {
    if (states.has(start.id)) continue
    enter(start)
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.before[top.at]
      top.at += 1
      if (next === undefined) {
        stack.pop()
        states.set(top.node.id, 'closed')
        ordered.push(top.node)
        continue
      }
      const state = states.get(next)
      if (state === 'open') {
        const from = stack.findIndex(({ node }) => node.id === next)
        return failed(cycle([...stack.slice(from).map(({ node }) => node), nodes.get(next) as TaskNode]))
      }
      if (state === undefined) enter(nodes.get(next) as TaskNode)
    }
  }
  return ok(ordered)
}

/** The failure of tasks that wait for each other; the first and the last are the same. */
export function cycle(nodes: readonly TaskNode[]): Failure {
  const place = nodes[0]?.task.place
  return {
    code: 'task-cycle',
    message: `tasks that need each other: ${nodes.map(({ name }) => name).join(' → ')}`,
    ...(place ? { place } : {}),
    outcome: 'unchanged',
  }
}

/** The failure of a call that would wait for its own caller: who calls, who is called, and over whom that waits for the caller again. */
export function circle(nodes: readonly TaskNode[]): Failure {
  const [caller, called] = nodes as [TaskNode, TaskNode]
  return {
    ...cycle(nodes),
    message: `tasks would wait for each other for ever: ${nodes.map(({ name }) => name).join(' → ')}`,
    why: `${caller.name} runs ${called.name}, which waits for ${caller.name} already: with the same arguments it is the same run`,
    next: [`take ${called.name} out of ${caller.name}, and run one after the other: await run(…); await run(…)`],
  }
}

/** What a graph's nodes are to each other, beyond their order. */
export type Roles = {
  /** Run also after a failure or an interruption: `finally` tasks, and what they need. */
  always: ReadonlySet<string>
  /** Their failure is nobody's: only optional needs lead to them. */
  tolerated: ReadonlySet<string>
}

const nobody: ReadonlySet<string> = new Set()

/** Tells the roles of nodes in a graph whose `roots` are asked for. */
export function rolesOf(nodes: readonly TaskNode[], roots: readonly TaskNode[]): Roles {
  const cleaners = nodes.filter(({ after }) => after)
  const anyOptional = nodes.some(({ optional }) => optional)
  if (cleaners.length === 0 && !anyOptional) return { always: nobody, tolerated: nobody }
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const reach = (from: readonly TaskNode[], withOptional: boolean): Set<string> => {
    const reached = new Set<string>()
    const left = [...from]
    for (let node = left.pop(); node; node = left.pop()) {
      if (reached.has(node.id)) continue
      reached.add(node.id)
      for (const [key, id] of Object.entries(node.needs)) {
        if (withOptional || !node.optional?.has(key)) left.push(byId.get(id) as TaskNode)
      }
    }
    return reached
  }
  const required = anyOptional ? reach([...roots, ...cleaners], false) : undefined
  return {
    always: cleaners.length > 0 ? reach(cleaners, true) : nobody,
    tolerated: required ? new Set(nodes.filter(({ id }) => !required.has(id)).map(({ id }) => id)) : nobody,
  }
}

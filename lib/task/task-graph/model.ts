import { inspect } from 'node:util'
import type { BoundTask, Task } from '../definition.ts'
import { isTask } from '../definition.ts'
import { withDefaultCommand } from '../graph.ts'
import { concealed, mayShowArgument } from '../shown-arguments.ts'
import type { LoadedTasks } from '../table.ts'

/** A task in the graph, with the arguments that a need gives it. */
export type GraphNode = {
  /** Unique in the graph, and the same from run to run: the label. */
  id: string
  name: string
  /** The arguments of a bound need, as they are written: `target: 'image'`. */
  input?: string
  description?: string
  hidden: boolean
}

/** Why a task runs because of another: before it, before it if it can, or after it whatever happens. */
export type EdgeKind = 'needs' | 'optional' | 'finally'

/** From a task to one that it needs. */
export type GraphEdge = { from: string; to: string; kind: EdgeKind }

/** What needs what. */
export type TaskGraph = {
  /** Where the drawing begins: the tasks asked for, or those that no other needs. */
  roots: string[]
  /** In the order in which they are reached. */
  nodes: GraphNode[]
  edges: GraphEdge[]
}

/** A task under its name. */
export type NamedTask = { name: string; task: Task }

/**
 * The graph of tasks and all that they need, from their definitions alone; calls of `run(other)` within a task's code are not
 * known before it runs. Costs no stack, however deep it is; tasks that need each other stand in it as they are.
 */
export function taskGraph(table: LoadedTasks, asked: readonly NamedTask[]): TaskGraph {
  const graph: TaskGraph = { roots: [], nodes: [], edges: [] }
  const ids = new Map<Task, Map<string, string>>()
  const taken = new Set<string>()
  const queue: { id: string; task: Task }[] = []
  const enter = (name: string, task: Task, input: unknown): string => {
    const text = inputText(input)
    const shown = inputText(input, task)
    const known = ids.get(task) ?? new Map<string, string>()
    ids.set(task, known)
    const before = known.get(text)
    if (before !== undefined) return before
    const label = text === '' ? name : `${name} (${shown})`
    let id = label
    for (let count = 2; taken.has(id); count += 1) id = `${label} #${count}`
    taken.add(id)
    known.set(text, id)
    const { description, hidden = false } = task.definition
    const said = description === undefined ? {} : { description: description.trim().split('\n')[0] as string }
    graph.nodes.push({ id, name, ...(text === '' ? {} : { input: shown }), ...said, hidden })
    queue.push({ id, task })
    return id
  }
  for (const { name, task } of asked) graph.roots.push(enter(name, task, undefined))
  graph.roots = [...new Set(graph.roots)]
  for (let at = 0; at < queue.length; at += 1) {
    const { id, task } = queue[at] as (typeof queue)[number]
    for (const { key, need, kind } of needsOf(task)) {
      const [other, input] = isTask(need) ? [need, undefined] : [need.task, need.input]
      const runnable = withDefaultCommand(other)
      const to = enter(table.nameOf(runnable) ?? table.nameOf(other) ?? key, runnable, input)
      graph.edges.push({ from: id, to, kind })
    }
  }
  return graph
}

/** All tasks that can be asked for by name, commands within others included, hidden ones not; those that others need are reached anyway. */
export function wholeGraph(table: LoadedTasks): TaskGraph {
  const seen = new Set<Task>()
  const all: NamedTask[] = []
  const add = (name: string, task: Task): void => {
    const commands = Object.entries(task.commands)
    if (commands.length === 0 && !seen.has(task)) all.push({ name, task })
    seen.add(task)
    for (const [command, inner] of commands) add(`${name} ${command}`, inner)
  }
  for (const { name, task } of table.entries) if (task.definition.hidden !== true) add(name, task)
  const graph = taskGraph(table, all)
  const needed = new Set(graph.edges.filter(({ from, to }) => from !== to).map(({ to }) => to))
  const tops = graph.roots.filter((id) => !needed.has(id))
  return { ...graph, roots: [...tops, ...unreached(graph, tops)] }
}

/** Tasks that need each other are needed, each of them: one of each circle is a root, too. */
function unreached(graph: TaskGraph, tops: readonly string[]): string[] {
  const next = successors(graph)
  const reached = new Set<string>()
  const reach = (from: string): void => {
    const stack = [from]
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (reached.has(id)) continue
      reached.add(id)
      for (const { to } of next.get(id) ?? []) stack.push(to)
    }
  }
  for (const id of tops) reach(id)
  const more: string[] = []
  for (const id of graph.roots) {
    if (reached.has(id)) continue
    more.push(id)
    reach(id)
  }
  return more
}

/** The edges of each node, in their order. */
export function successors(graph: TaskGraph): ReadonlyMap<string, readonly GraphEdge[]> {
  const next = new Map<string, GraphEdge[]>()
  for (const edge of graph.edges) {
    const edges = next.get(edge.from)
    if (edges) edges.push(edge)
    else next.set(edge.from, [edge])
  }
  return next
}

type Need = { key: string; need: Task | BoundTask; kind: EdgeKind }

function needsOf({ definition }: Task): Need[] {
  const { needs = {}, finally: last = {} } = definition as {
    needs?: Readonly<Record<string, unknown>>
    finally?: Readonly<Record<string, unknown>>
  }
  return [...Object.entries(needs).flatMap(read('needs')), ...Object.entries(last).flatMap(read('finally'))]
}

const read =
  (kind: EdgeKind) =>
  ([key, value]: [string, unknown]): Need[] => {
    const own = (value as { optional?: boolean }).optional === true ? 'optional' : kind
    return [{ key, need: value as Task | BoundTask, kind: own }]
  }

/** The arguments as text; of a task, those that may be shown. */
function inputText(input: unknown, task?: Task): string {
  if (typeof input !== 'object' || input === null) return ''
  const isShown = (name: string) => !task || mayShowArgument(name, task.definition.args?.[name]?.specification)
  const textOf = (value: unknown) => inspect(value, { breakLength: Number.POSITIVE_INFINITY, sorted: true })
  return Object.entries(input)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${isShown(name) ? textOf(value) : concealed}`)
    .join(', ')
}

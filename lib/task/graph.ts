import { inspect } from 'node:util'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { type BoundTask, isTask, type Task } from './definition.ts'

/** A task with its arguments: what runs once in an invocation. */
export type TaskNode = {
  /** Identifies task and arguments within this process. */
  id: string
  name: string
  task: Task
  values: Readonly<Record<string, unknown>>
  /** The ids of the needed nodes, by the name under which the task gets their results. */
  needs: Readonly<Record<string, string>>
}

/** Gives the values of a task's arguments from what another one passes. */
export type ReadInput = (task: Task, input: unknown) => Promise<Result<Readonly<Record<string, unknown>>>>

const numbers = new WeakMap<Task, number>()
let count = 0

/** Names a task and its arguments' values; equal for equal values, also of other types than JSON has. */
export function nodeId(task: Task, values: Readonly<Record<string, unknown>>): string {
  let number = numbers.get(task)
  if (number === undefined) {
    count += 1
    number = count
    numbers.set(task, number)
  }
  if (Object.keys(values).length === 0) return String(number)
  const whole = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null, sorted: true } as const
  return `${number} ${inspect(values, whole)}`
}

/**
 * Collects a task with all that it needs, each task with the same arguments once, in an order that respects needs. Fails when
 * a needed task's arguments are not complete, and on a cycle, which it names. Costs no stack.
 */
export async function collectGraph(
  root: TaskNode,
  readInput: ReadInput,
  nameOf: (task: Task) => string | undefined,
): Promise<Result<TaskNode[]>> {
  const nodes = new Map<string, TaskNode>([[root.id, root]])
  const failures: Failure[] = []
  for (const node of nodes.values()) {
    const needs: Record<string, string> = {}
    for (const [key, need] of Object.entries(node.task.definition.needs ?? {}) as [string, Task | BoundTask][]) {
      const [task, input] = isTask(need) ? [need, {}] : [need.task, need.input]
      const runnable = withDefaultCommand(task)
      const name = nameOf(runnable) ?? key
      const read = await readInput(runnable, input)
      if (!read.ok) {
        failures.push(
          ...read.failures.map((failure) => ({
            ...failure,
            message: `${name}, which ${node.name} needs: ${failure.message}`,
            outcome: 'unchanged' as const,
          })),
        )
        continue
      }
      const id = nodeId(runnable, read.value)
      needs[key] = id
      if (!nodes.has(id)) nodes.set(id, { id, name, task: runnable, values: read.value, needs: {} })
    }
    node.needs = needs
  }
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return order(root, nodes)
}

/** A task that only has commands stands for its default one. */
export function withDefaultCommand(task: Task): Task {
  const command = task.defaultCommand === undefined ? undefined : task.commands[task.defaultCommand]
  return command ? withDefaultCommand(command) : task
}

/** Depth first, with a stack of its own: needs before those that need them. */
function order(root: TaskNode, nodes: ReadonlyMap<string, TaskNode>): Result<TaskNode[]> {
  const ordered: TaskNode[] = []
  const open = new Set<string>()
  const closed = new Set<string>()
  const stack: { node: TaskNode; left: string[] }[] = []
  const enter = (node: TaskNode): void => {
    open.add(node.id)
    stack.push({ node, left: Object.values(node.needs).reverse() })
  }
  enter(root)
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.left.pop()
    if (next === undefined) {
      stack.pop()
      open.delete(top.node.id)
      closed.add(top.node.id)
      ordered.push(top.node)
    } else if (open.has(next)) {
      const from = stack.findIndex(({ node }) => node.id === next)
      return failed(cycle([...stack.slice(from).map(({ node }) => node), nodes.get(next) as TaskNode]))
    } else if (!closed.has(next)) enter(nodes.get(next) as TaskNode)
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

import type { Argument } from './arguments.ts'
import type { TaskStatus } from './fingerprint/explain.ts'
import type { TaskNode } from './graph.ts'
import { concealed, mayShowArgument } from './shown-arguments.ts'

/** A task as it would run. Plain data. */
export type PlannedTask = {
  task: string
  /** Its arguments by name, as far as they may be shown. */
  arguments: Readonly<Record<string, unknown>>
  /** It was asked for by name. */
  asked: boolean
  /** Labels of what it needs, */
  needs: string[]
  /** of what needs it, */
  neededBy: string[]
  /** and of what it runs after, however that ends (`finally`). */
  finallyOf: string[]
  /** Why it does not run. */
  skipped?: string
  /** Whether it is up to date; absent where nothing that is planned has inputs or outputs, and where that does not count (`--force`). */
  status?: TaskStatus
}

/** The tasks of a graph in the order in which they would start with one place. */
export function plannedTasks(
  nodes: readonly TaskNode[],
  asked: ReadonlySet<string>,
  labelOf: (node: TaskNode) => string,
  statuses?: ReadonlyMap<string, TaskStatus>,
): PlannedTask[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const label = (id: string) => labelOf(byId.get(id) as TaskNode)
  const neededBy = new Map<string, string[]>()
  for (const node of nodes) {
    for (const id of Object.values(node.needs)) {
      const list = neededBy.get(id)
      if (list) list.push(labelOf(node))
      else neededBy.set(id, [labelOf(node)])
    }
  }
  return nodes.map((node) => ({
    task: labelOf(node),
    arguments: Object.fromEntries(
      Object.entries(node.values)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, shown(key, node.task.definition.args?.[key], value)]),
    ),
    asked: asked.has(node.id),
    needs: Object.values(node.needs).map(label),
    neededBy: neededBy.get(node.id) ?? [],
    finallyOf: (node.after ?? []).map(label),
    ...(node.skip === undefined ? {} : { skipped: node.skip }),
    ...statusOf(statuses?.get(node.id)),
  }))
}

const statusOf = (status: TaskStatus | undefined): { status?: TaskStatus } => (status === undefined ? {} : { status })

/** What is no plain value is often secret, too. */
function shown(key: string, argument: Argument | undefined, value: unknown): unknown {
  const { kind = 'text' } = argument?.specification ?? {}
  if (kind === 'text' && !mayShowArgument(key, argument?.specification)) return concealed
  if (Array.isArray(value)) return value.map((one) => shown(key, argument, one))
  return typeof value === 'object' && value !== null ? concealed : value
}

/** The plan as people read it, one line a task. Ends with a line break. */
export function planText(tasks: readonly PlannedTask[]): string {
  const rows = tasks.map((task, index) => [`${index + 1}.`, task.task, why(task), argumentsText(task)] as const)
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => (row[column] as string).length)))
  return rows
    .map(
      ([number, name, because, args]) =>
        `${[number.padStart(widths[0] as number), name.padEnd(widths[1] as number), because.padEnd(widths[2] as number), args].join('  ').trimEnd()}\n`,
    )
    .join('')
}

function why(task: PlannedTask): string {
  const state = stateText(task)
  return state === '' ? because(task) : `${because(task)}, ${state}`
}

function stateText({ status, skipped }: PlannedTask): string {
  if (skipped !== undefined) return ''
  if (status?.state === 'up-to-date') return 'up to date'
  if (status?.state === 'restorable') return 'outputs from the cache'
  return status?.state === 'may-run' ? 'may be up to date' : ''
}

function because({ asked, neededBy, finallyOf, skipped }: PlannedTask): string {
  if (skipped !== undefined) return `skipped: ${skipped}`
  if (asked) return 'asked for'
  if (finallyOf.length > 0) return `after ${several(finallyOf)}, however it ends`
  return `needed by ${several(neededBy)}`
}

const several = (names: readonly string[]): string =>
  names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`

function argumentsText({ arguments: args }: PlannedTask): string {
  return Object.entries(args)
    .filter(([, value]) => value !== false && !(Array.isArray(value) && value.length === 0))
    .map(
      ([key, value]) =>
        `${key}=${typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))}`,
    )
    .join(' ')
}

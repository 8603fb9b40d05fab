import type { TaskNode } from './graph.ts'

/** What is known of a node that runs. One object each: of 50,000 nodes, several maps would be much. */
export type NodeState = {
  readonly node: TaskNode
  /** Who comes first to a place that is free: the lowest. */
  readonly rank: number
  readonly label: string
  /** Its run; `ended` where that had ended at once. */
  run?: Promise<unknown> | 'ended'
  /** What it gave, when it has. */
  value: unknown
  /** It has got so far that its code ran. */
  begun: boolean
  ended: boolean
  /** Somebody uses its result. */
  wanted: boolean
  /** When it failed, beside others. */
  failedAt: number
  /** How many calls of other tasks it waits for. */
  calls: number
}

/** Of a node that has not begun. */
export const newState = (node: TaskNode, rank: number, label: string): NodeState => ({
  node,
  rank,
  label,
  value: undefined,
  begun: false,
  ended: false,
  wanted: false,
  failedAt: 0,
  calls: 0,
})

const noResults: Readonly<Record<string, unknown>> = Object.freeze({})

/** The results of no needs. */
export const noNeeds = (): Readonly<Record<string, unknown>> => noResults

/** What a node's needs, which have ended, returned; of one that failed and need not have succeeded, undefined. */
export function resultsOf({ needs }: TaskNode, states: ReadonlyMap<string, NodeState>): Record<string, unknown> {
  const results: Record<string, unknown> = {}
  for (const key in needs) results[key] = states.get(needs[key] as string)?.value
  return results
}

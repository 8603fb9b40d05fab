import type { TaskNode } from './graph.ts'

/** What a node gave at once. In an object, for it may be undefined. */
export type NodeValue = { readonly value: unknown }

/** The value of the many that give none. */
export const noValue: NodeValue = Object.freeze({ value: undefined })

/** What is known of a node that runs. One object each: of 50,000 nodes, several maps would be much. */
export type NodeState = {
  readonly node: TaskNode
  /** Who comes first to a place that is free: the lowest. */
  readonly rank: number
  readonly label: string
  run?: Promise<unknown> | NodeValue
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

/** What a node's needs returned; of one that failed and need not have succeeded, undefined. */
export async function resultsOf(
  { needs }: TaskNode,
  states: ReadonlyMap<string, NodeState>,
): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {}
  for (const key in needs) {
    const run = states.get(needs[key] as string)?.run
    try {
      results[key] = run instanceof Promise ? await run : run?.value
    } catch {
      results[key] = undefined
    }
  }
  return results
}

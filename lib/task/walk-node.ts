import type { WalkNode } from '../execute/walk.ts'
import { needIds, type Roles, type TaskNode } from './graph.ts'

/** A task as the walk sees it: after which others, and what its role means for them. */
export function walkNode(node: TaskNode, { always, tolerated }: Roles): WalkNode<TaskNode> {
  const { id, needs, optional, after } = node
  if (optional === undefined && after === undefined && always.size === 0 && tolerated.size === 0) {
    return { id, node, after: needIds(node) }
  }
  const roles = {
    ...(always.has(id) ? { always: true } : {}),
    ...(tolerated.has(id) ? { tolerated: true } : {}),
  }
  if (optional === undefined && after === undefined) return { id, node, after: needIds(node), ...roles }
  const entries = Object.entries(needs)
  return {
    id,
    node,
    after: entries.filter(([key]) => !optional?.has(key)).map(([, one]) => one),
    afterEnd: [...entries.filter(([key]) => optional?.has(key)).map(([, one]) => one), ...(after ?? [])],
    ...roles,
  }
}

import type { Finding } from './finding.ts'
import type { Op } from './op.ts'
import type { Release } from './release.ts'

/** A graph of ops towards a target, made by a pure function from what was observed. */
export type Plan = {
  /** `deploy`, `rollback`, `services up`, `setup` … */
  operation: string
  environment: string
  /** In an order that respects `after`. */
  ops: Op[]
  /** What the planner itself has to say; preflight adds more. */
  findings: Finding[]
  /** Said with the plan, e.g. what happens when a gate fails. */
  notes: string[]
  /** The record that this plan opens before its first changing op. */
  release?: Release
  /** The release that becomes current when the plan is done, where another one is current now (rollback). */
  target?: number
}

/** Whether there is nothing to do: no changing op, and no other release becomes current. */
export const isEmpty = (plan: Plan): boolean => plan.target === undefined && !plan.ops.some((op) => op.changes)

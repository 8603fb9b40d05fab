import type { Op, OpId } from '../model/op.ts'

/** Ops that nothing waits for: what the end of a plan waits for. */
export function leaves(ops: Op[]): OpId[] {
  const waitedFor = new Set(ops.flatMap((op) => op.after))
  return ops.map((op) => op.id).filter((id) => !waitedFor.has(id))
}

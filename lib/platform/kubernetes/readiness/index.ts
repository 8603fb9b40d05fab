/*
 * When what was applied is ready, or has failed: the rules of each kind, and the gate that collects evidence from watches.
 */

export { Gate, type GateOptions, type GateTarget, type GateVerdict, type TargetVerdict, verdictLines } from './gate.ts'
export { readNow } from './now.ts'
export { rejectionCause } from './rejection.ts'
export type { Look, Observed, Reading, Rule } from './rule.ts'
export { readinessRules, ruleFor } from './rules.ts'
export { settlingWindow } from './window.ts'
export { type WatchEvent, World } from './world.ts'

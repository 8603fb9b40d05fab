import type { Failure } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import type { Op, OpId } from '../model/op.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Plan } from '../model/plan.ts'

/** How an op ended. `warned`: it failed, and that is only said. `aborted`: it was told to end. `skipped`: it never began. `present`: its effect was there already. */
export type OpEnd = 'done' | 'present' | 'failed' | 'warned' | 'skipped' | 'aborted'

/**
 * Everything that an operation says, to renderers (terminal, plain, JSON) and to the journal. Events hold no secret; texts from
 * children are redacted before they become events.
 */
export type LogEvent =
  | { type: 'message'; level: 'info' | 'warning' | 'error'; text: string }
  | { type: 'plan-shown'; plan: Plan; findings: Finding[] }
  | { type: 'run-started'; run: string; operation: string; environment: string; by: string }
  | { type: 'op-started'; op: Op; plan: number }
  | { type: 'op-output'; op: OpId; line: string }
  | { type: 'op-ended'; op: OpId; plan: number; end: OpEnd; durationMs: number; message?: string; failure?: Failure }
  | { type: 'release-opened'; environment: string; release: number; revision: string }
  | { type: 'release-closed'; environment: string; release: number; outcome: 'healthy' | 'failed'; cause?: string }
  | { type: 'run-ended'; run: string; outcome: Outcome; durationMs: number }

/** Takes events. Implementations never throw. */
export type Emit = (event: LogEvent) => void

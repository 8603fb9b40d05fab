/**
 * Faults on demand, for the tests of recovery: the process kills itself (SIGKILL, nothing is flushed or cleaned up) at one point of
 * its journal. Documented for those who want to rehearse it: `OPS_FAULT=<where>:<phase>`.
 *
 * `<where>` is one of
 * - an op's id, or `<plan>/<op id>` where a run executes several plans (1 is the first). Phases: `before` (its start is in
 *   the journal, nothing is done), `effect` (it is done, its end is not in the journal), `after` (its end is in the journal)
 * - the type of another entry (`run-header`, `release-opened`, `run-ended` …). Phases: `before` and `after` it is in the journal
 * - an entry's number (from 1), with the phases of an entry
 *
 * So the points come from the plan that is shown, or from the journal of an undisturbed run. Only journal.ts calls this.
 */
export const faultVariable = 'OPS_FAULT'

/** An entry that is about to be appended (`before`) or is durable (`after`). */
export type JournalPoint = { seq: number; type: string; op?: { id: string; plan: number }; phase: 'before' | 'after' }

/** Kills this process if the environment asks for it at this point. */
export function faultPoint(point: JournalPoint, wanted: string | undefined = process.env[faultVariable]): void {
  if (wanted && namesOf(point).includes(wanted)) process.kill(process.pid, 'SIGKILL')
}

/** All texts that name a point. */
export function namesOf({ seq, type, op, phase }: JournalPoint): string[] {
  const number = `${seq}:${phase}`
  if (!op) return [number, `${type}:${phase}`]
  const phaseOfOp =
    type === 'op-started' ? (phase === 'after' ? 'before' : undefined) : phase === 'after' ? 'after' : 'effect'
  return phaseOfOp ? [number, `${op.id}:${phaseOfOp}`, `${op.plan}/${op.id}:${phaseOfOp}`] : [number]
}

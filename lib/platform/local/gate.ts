import type { Milliseconds } from '../../model/duration.ts'

/** What a gate waits for. Times are on one monotonic clock, in milliseconds. */
export type GateRule = {
  /** Consecutive passes, each a whole interval after the one before. */
  passes: number
  intervalMs: Milliseconds
  /** After this long the gate fails, whatever happened before. */
  deadlineMs: Milliseconds
  /** Ready when it exits with status 0; probes play no part. */
  oneShot: boolean
}

/** The service's process as the gate needs to know it. */
export type GatedProcess =
  /** A process lives. `instance` changes with every new start. */
  | { kind: 'alive'; instance: string }
  /** It ended and a new start is coming. */
  | { kind: 'restarting'; cause: string }
  /** It ended with status 0 and stays ended. */
  | { kind: 'finished' }
  /** It ended, crash-loops or could not be spawned: nothing is to be waited for. */
  | { kind: 'dead'; cause: string }

/** A gate in progress. Data only: every function here takes one and returns the next. */
export type Gate = {
  readonly rule: GateRule
  readonly openedAt: number
  readonly process: GatedProcess | undefined
  /** Passes since the last failure, start or exit. */
  readonly inARow: number
  readonly attempts: number
  readonly passed: number
  readonly lastAttemptAt: number | undefined
  readonly lastFailure: string | undefined
}

/** Where a gate stands. `probeAt`: when the next attempt is due, absent while there is nothing to probe. */
export type GateVerdict =
  | { kind: 'waiting'; probeAt?: number; deadlineAt: number }
  | { kind: 'passed' }
  | { kind: 'failed'; cause: string }

/** Opens a gate; its deadline counts from `now`. */
export function openGate(rule: GateRule, now: number): Gate {
  return {
    rule,
    openedAt: now,
    process: undefined,
    inARow: 0,
    attempts: 0,
    passed: 0,
    lastAttemptAt: undefined,
    lastFailure: undefined,
  }
}

/** Takes what the process does now. Passes of one instance say nothing about the next, so a new one starts the count anew. */
export function withProcess(gate: Gate, process: GatedProcess): Gate {
  const before = gate.process
  const same = before?.kind === 'alive' && process.kind === 'alive' && before.instance === process.instance
  const cause = process.kind === 'restarting' ? process.cause : gate.lastFailure
  return { ...gate, process, inARow: same ? gate.inARow : 0, lastFailure: cause }
}

/** Takes the result of one attempt of all probes, that began at `startedAt`, for the instance that it looked at. */
export function withAttempt(
  gate: Gate,
  attempt: { passed: boolean; message: string; startedAt: number; instance: string },
): Gate {
  const counts = gate.process?.kind === 'alive' && gate.process.instance === attempt.instance
  return {
    ...gate,
    attempts: gate.attempts + 1,
    passed: gate.passed + (attempt.passed ? 1 : 0),
    lastAttemptAt: attempt.startedAt,
    inARow: counts && attempt.passed ? gate.inARow + 1 : 0,
    lastFailure: attempt.passed ? gate.lastFailure : attempt.message,
  }
}

/** Where the gate stands at `now`. The deadline is absolute: a pass that came in after it is too late. */
export function judge(gate: Gate, now: number): GateVerdict {
  const { rule, process } = gate
  const deadlineAt = gate.openedAt + rule.deadlineMs
  if (process?.kind === 'dead') return { kind: 'failed', cause: process.cause }
  if (process?.kind === 'finished') {
    return rule.oneShot ? { kind: 'passed' } : { kind: 'failed', cause: 'its process ended with status 0' }
  }
  if (now >= deadlineAt) return { kind: 'failed', cause: lateCause(gate) }
  if (rule.oneShot) return { kind: 'waiting', deadlineAt }
  if (process?.kind === 'alive') {
    if (gate.inARow >= rule.passes) return { kind: 'passed' }
    const probeAt = gate.lastAttemptAt === undefined ? gate.openedAt : gate.lastAttemptAt + rule.intervalMs
    return { kind: 'waiting', probeAt: Math.max(probeAt, now), deadlineAt }
  }
  return { kind: 'waiting', deadlineAt }
}

/** Why the deadline passed without enough passes in a row, as far as the attempts tell. */
function lateCause({ rule, process, attempts, passed, inARow, lastFailure }: Gate): string {
  const within = `within ${rule.deadlineMs / 1000}s`
  const last = lastFailure === undefined ? '' : `; last failure: ${lastFailure}`
  if (rule.oneShot) return `it did not run to its end ${within}`
  if (process?.kind !== 'alive') return `it was not running when the time was over (${within})${last}`
  if (passed === 0) {
    return attempts === 0
      ? `no probe answered ${within}`
      : `none of ${attempts} attempts in ${rule.deadlineMs / 1000}s passed${last}`
  }
  if (inARow > 0 && passed === inARow) {
    return `only ${inARow} of ${rule.passes} passes in a row ${within}${last}`
  }
  return `it flaps: ${passed} of ${attempts} attempts passed, never ${rule.passes} in a row ${within}${last}`
}

import type { Clock } from '../../system/clock.ts'
import { eitherSignal } from '../../system/either-signal.ts'
import {
  type Gate,
  type GatedProcess,
  type GateRule,
  type GateVerdict,
  judge,
  openGate,
  withAttempt,
  withProcess,
} from './gate.ts'
import type { Attempt } from './supervisor/health.ts'

/** What a running gate looks at. */
export type GateInputs = {
  /** What the process does now. */
  process(): GatedProcess
  /** Resolves when the process does something else than now. */
  changed(): Promise<void>
  /** One attempt of all probes; ends early when its signal is aborted. */
  attempt(signal: AbortSignal): Promise<Attempt>
  /** Told of each attempt whose result differs from the one before. */
  progress(attempt: Attempt): void
}

/** How a gate ended, with what it saw. */
export type GateEnd = { verdict: Exclude<GateVerdict, { kind: 'waiting' }>; gate: Gate }

/** Runs a gate to its verdict; undefined when the signal was aborted before. */
export async function runGate(
  rule: GateRule,
  inputs: GateInputs,
  clock: Clock,
  signal: AbortSignal,
): Promise<GateEnd | undefined> {
  let gate = openGate(rule, clock.now())
  let said: string | undefined
  while (!signal.aborted) {
    // Asked for before the look, so that no change falls between the two.
    const change = inputs.changed()
    const process = inputs.process()
    gate = withProcess(gate, process)
    const now = clock.now()
    const verdict = judge(gate, now)
    if (verdict.kind !== 'waiting') return { verdict, gate }
    const { probeAt, deadlineAt } = verdict
    if (probeAt === undefined || probeAt > now || process.kind !== 'alive') {
      await wait(clock, Math.min(probeAt ?? deadlineAt, deadlineAt) - now, change, signal)
      continue
    }
    const attempt = await bounded(clock, deadlineAt - now, change, signal, inputs.attempt)
    if (!attempt) continue
    gate = withAttempt(gate, { ...attempt, startedAt: now, instance: process.instance })
    const text = `${attempt.passed ? 'passed' : 'not yet'}: ${attempt.message}`
    if (text !== said) inputs.progress(attempt)
    said = text
  }
  return undefined
}

/** Resolves after the time, at a change, or when the signal is aborted. */
async function wait(clock: Clock, ms: number, change: Promise<void>, signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const either = eitherSignal(stop.signal, signal)
  const sleep = clock.sleep(ms, either.signal).catch(() => {})
  await Promise.race([sleep, change])
  stop.abort()
  either.dispose()
}

/** An attempt that ends at the deadline, at a change of the process, or when the signal is aborted; then it has no result. */
async function bounded(
  clock: Clock,
  ms: number,
  change: Promise<void>,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<Attempt>,
): Promise<Attempt | undefined> {
  const stop = new AbortController()
  const either = eitherSignal(stop.signal, signal)
  const result = attempt(either.signal)
  result.catch(() => {})
  const found = await Promise.race([result, wait(clock, ms, change, either.signal).then(() => undefined)])
  stop.abort()
  either.dispose()
  return found
}

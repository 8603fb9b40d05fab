import { formatDuration } from '../model/duration.ts'
import { type Failure, FailureError } from '../model/failure.ts'
import type { Op } from '../model/op.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Lease } from '../model/platform.ts'
import type { Termination } from '../system/signals.ts'

/** Carries why an op did not get done through the walk. */
export class OpFailure extends Error {
  override readonly name = 'OpFailure'
  readonly failures: readonly [Failure, ...Failure[]]

  constructor(failures: readonly [Failure, ...Failure[]]) {
    super(failures.map((failure) => failure.message).join('\n'))
    this.failures = failures
  }
}

/** An op that was not done at its deadline. What its handler said of it (a probe's last answer, last lines) is kept as the reason. */
export function timedOut(op: Op, failures: readonly Failure[]): [Failure, ...Failure[]] {
  const [first, ...rest] = failures
  return [
    {
      code: 'op-timeout',
      message: `was not done within ${formatDuration(op.timeoutMs)}`,
      ...(first ? { why: [first.message, first.why].filter(Boolean).join(': ') } : {}),
      ...(first?.lines ? { lines: first.lines } : {}),
      ...(first?.next ? { next: first.next } : {}),
    },
    ...rest,
  ]
}

/** An op that was told to end. What the error carries is kept. */
export const toldToEnd = (error: unknown): [Failure, ...Failure[]] =>
  error instanceof FailureError
    ? (error.failures as [Failure, ...Failure[]])
    : [{ code: 'aborted', message: 'was told to end before it was done' }]

/** What a handler threw is a defect of this product. */
export function defectOf(op: Op, error: unknown): Failure {
  if (error instanceof FailureError) return error.failures[0] as Failure
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined }
  return {
    code: 'defect',
    message: `a defect of vital-ops in ${op.kind}: ${message}`,
    ...(stack ? { why: stack } : {}),
  }
}

/** The lock is not ours any more: somebody else acts on the environment now, so this run stops. */
export function lostLock(lease: Lease): [Failure, ...Failure[]] {
  if (lease.lost.reason instanceof FailureError) return lease.lost.reason.failures as [Failure, ...Failure[]]
  return [
    {
      code: 'lock-lost',
      message: 'the lock of the environment is not held by this run any more; it stops and changes nothing further',
      outcome: 'locked',
      next: ['task runs'],
    },
  ]
}

const outcomes: Record<Termination['signal'], Outcome> = {
  SIGINT: 'interrupted',
  SIGTERM: 'terminated',
  SIGHUP: 'hangup',
}

/** The failure of an execution that was told to end. `reason` is what its signal was aborted with. */
export function interruption(reason: unknown): Failure {
  if (reason instanceof FailureError) return reason.failures[0] as Failure
  const signal = (reason as Partial<Termination> | undefined)?.signal
  if (signal === undefined) return { code: 'aborted', message: 'it was told to stop', outcome: 'interrupted' }
  return { code: 'interrupted', message: `interrupted by ${signal}`, outcome: outcomes[signal] }
}

import type { Failure } from '../model/failure.ts'
import type { Outcome } from '../model/outcome.ts'

/** Also of what another copy of this package has made. */
const finishedBrand = Symbol.for('vital-ops.finished')

/** A result together with an outcome that is not `done`. Made by `finish`. */
export class Finished<Result> {
  readonly outcome: Outcome
  readonly result: Result
  readonly failures: readonly Failure[]

  constructor(outcome: Outcome, result: Result, failures: readonly Failure[]) {
    this.outcome = outcome
    this.result = result
    this.failures = failures
    Object.defineProperty(this, finishedBrand, { value: true })
  }
}

/** Whether a value was made by `finish`, also by that of another copy of this package. */
export const isFinished = (value: unknown): value is Finished<unknown> =>
  typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[finishedBrand] === true

/** The result without its outcome. */
export type Unfinished<Returned> = Returned extends Finished<infer Result> ? Result : Returned

/**
 * What a task returns when it has a result and did not simply succeed: the outcome sets the exit code, the failures are printed
 * after the result. An outcome `done` is the same as returning the result.
 */
export const finish = <Result>(outcome: Outcome, result: Result, failures: readonly Failure[] = []): Finished<Result> =>
  new Finished(outcome, result, failures)

/** A task that was needed or called by another ended with an outcome other than `done`. */
export class OutcomeError extends Error {
  override readonly name = 'OutcomeError'
  readonly task: string
  readonly finished: Finished<unknown>

  constructor(task: string, finished: Finished<unknown>) {
    super(finished.failures[0]?.message ?? `task ${task} ended with the outcome ${finished.outcome}`)
    this.task = task
    this.finished = finished
  }
}

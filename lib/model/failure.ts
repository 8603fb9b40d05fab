import type { Outcome } from './outcome.ts'

/** A place in a file. Lines and columns count from 1. */
export type Place = { file: string; line?: number; column?: number }

/**
 * An expected failure, as data. Its text is made by `lib/log/failure-text.ts`; it says what happened, where, why, and what to
 * type next. Expected failures are returned (`Result`) or, where a return would tear through library callbacks, thrown as
 * `FailureError`; any other thrown error is a defect.
 */
export type Failure = {
  /** A stable kebab-case identifier, e.g. `port-in-use`. */
  code: string
  /** One sentence: what happened. Holds no secret value. */
  message: string
  place?: Place
  /** The offending source line, printed with a caret under `place.column`. */
  source?: string
  service?: string
  op?: string
  /** Why, as far as it is known. */
  why?: string
  /** Commands to type next, in order. */
  next?: string[]
  /** The nearest valid name for a misspelt one. */
  nearest?: string
  /** Last log lines, oldest first. */
  lines?: string[]
  /** The file that has all of them. */
  log?: string
  /** What the command's outcome is because of this failure; default `failed`. */
  outcome?: Outcome
}

/** Carries one or more expected failures through code that can only throw. */
export class FailureError extends Error {
  override readonly name = 'FailureError'
  readonly failures: Failure[]

  constructor(...failures: [Failure, ...Failure[]]) {
    super(failures.map((failure) => failure.message).join('\n'))
    this.failures = failures
  }

  /** The outcome of the first failure that names one; `failed` otherwise. */
  get outcome(): Outcome {
    return this.failures.find((failure) => failure.outcome)?.outcome ?? 'failed'
  }
}

/** Either a value, or all the expected failures that kept it from being made. */
export type Result<T> = { ok: true; value: T } | { ok: false; failures: [Failure, ...Failure[]] }

/** A successful `Result`. */
export const ok = <T>(value: T): Result<T> => ({ ok: true, value })

/** A failed `Result`. */
export const failed = (...failures: [Failure, ...Failure[]]): { ok: false; failures: [Failure, ...Failure[]] } => ({
  ok: false,
  failures,
})

/** The value of a result, or a thrown `FailureError` with all its failures. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FailureError(...result.failures)
}

/** Marks a switch as exhaustive: a new union member that nobody handles does not compile. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}

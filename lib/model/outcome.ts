/**
 * The exit codes of operations (docs/exit-codes.md). A user's own task exits with its failing command's status instead.
 */
export const exitCodes = {
  /** Done, or nothing to do. */
  done: 0,
  /** Failed; the state is consistent. */
  failed: 1,
  /** Unknown task, flag or argument. */
  usage: 2,
  /** Nothing was changed: configuration or preflight not fit, the plan changed, declined, no terminal to ask on. */
  unchanged: 3,
  /** Locked by someone else. */
  locked: 4,
  /** Partly done: resilient mode skipped what depended on a failure. */
  partial: 5,
  /** Failed and rolled back to the last healthy release. */
  rolledBack: 6,
  /** Failed, and there is no way back by itself; the next commands are printed. */
  stuck: 7,
  /** Failed; unfinished work remains: resume or abort. */
  unfinished: 8,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const

/** The name of an outcome, as `--json` and the run's record carry it. */
export type Outcome = keyof typeof exitCodes

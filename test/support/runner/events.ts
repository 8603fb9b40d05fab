/** Identifies one declared test within its file, counting from 1. */
export type TestId = number

/** What a test process tells the runner, one JSON line each, on the file descriptor that `ReportTo` names. */
export type TestEvent =
  | { type: 'declared'; id: TestId; suite: string; name: string }
  /** `.run()` was called on the suite of these tests. */
  | { type: 'queued'; ids: TestId[] }
  /** Left out because another test of the suite is marked `only`. */
  | { type: 'excluded'; ids: TestId[] }
  /** A test (or, without id, a hook) began, or got another limit. */
  | { type: 'busy'; id?: TestId; what: string; limitMs: number }
  /** A test or hook ended; the next event is to come soon. */
  | { type: 'idle' }
  | { type: 'passed'; id: TestId }
  | { type: 'failed'; id: TestId; text: string }
  | { type: 'skipped'; id: TestId; reason: string; allowedOnCi: boolean }
  /** To be shown with the file's result, whether it passed or not. */
  | { type: 'note'; text: string }
  | { type: 'hook-failed'; suite: string; hook: string; text: string }
  /** All suites ended and the process is still there: what keeps it. */
  | { type: 'lingering'; resources: string[] }

/** Passed to a test process as JSON in `VITAL_OPS_TEST_REPORT`. `lingeringMs`: how long after its end it says what keeps it. */
export type ReportTo = { fd: number; limitMs: number; lingeringMs: number }

/** The variable that holds a `ReportTo`. The test process removes it, so that its children do not see it. */
export const reportVariable = 'VITAL_OPS_TEST_REPORT'

/** The variable that holds the test file's marker. Children inherit it; processes that outlive their test are found by it. */
export const markerVariable = 'VITAL_OPS_TEST'

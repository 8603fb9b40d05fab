import type { Place } from './failure.ts'

/** How much a finding weighs: an `error` stops a plan before it runs (exit 3), a `warning` is said and passed over. */
export type Severity = 'error' | 'warning' | 'note'

/** What preflight or audit reports. */
export type Finding = {
  /** A stable kebab-case name, e.g. `port-in-use`. */
  rule: string
  severity: Severity
  message: string
  place?: Place
  service?: string
  /** What to type or change to mend it. */
  mend?: string
}

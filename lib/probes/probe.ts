import type { ProbeOf, ProbeTarget, ProbeType } from '../model/probe.ts'

/** What a probe's own code is given besides its configuration: where to look, and how long it may take. */
export type ProbeAttempt = {
  target: ProbeTarget
  /** Aborted at the deadline or by the caller. A runner then closes or kills what it opened. */
  signal: AbortSignal
  /** The deadline in milliseconds, for texts and for limits that a server enforces itself. */
  timeoutMs: number
}

/** What a probe's own code finds. `secrets` are texts that must not be shown, should the message hold them. */
export type Verdict = { passed: boolean; message: string; secrets?: string[] }

/** The code of one kind of probe. May throw: the message of what it throws is shown as the reason of the failure. */
export type ProbeRunner<T extends ProbeType> = (probe: ProbeOf<T>, attempt: ProbeAttempt) => Promise<Verdict>

/** A passed verdict. */
export const passed = (message: string, secrets?: string[]): Verdict => ({
  passed: true,
  message,
  ...(secrets && { secrets }),
})

/** A verdict that did not pass. */
export const notPassed = (message: string, secrets?: string[]): Verdict => ({
  passed: false,
  message,
  ...(secrets && { secrets }),
})

import { setTimeout as delay } from 'node:timers/promises'
import { type Log, reason } from '../../shared/src/log.ts'
import type { Rollup } from './rollup.ts'

/** How the last roll-up went, and how many have failed since one succeeded. */
export type RollupState = {
  lastSuccess: { at: string; hits: number; ms: number } | null
  lastFailure: { at: string; reason: string } | null
  failures: number
}

const firstRetry = 500

/**
 * Rolls up at once and then again `interval` milliseconds after each end, never two at a time, until `signal` says to stop; the
 * one under way is finished. After a failure it tries again sooner, ever more slowly. Fills `state` as it goes.
 */
export async function rollUpForever(
  rollUp: (signal: AbortSignal) => Promise<Rollup>,
  { interval, state, log, signal }: { interval: number; state: RollupState; log: Log; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const began = performance.now()
    try {
      const { hits } = await rollUp(signal)
      const ms = Math.round(performance.now() - began)
      state.lastSuccess = { at: new Date().toISOString(), hits, ms }
      state.failures = 0
      log[hits > 0 ? 'info' : 'debug']('rolled up', { hits, ms })
    } catch (error) {
      state.lastFailure = { at: new Date().toISOString(), reason: reason(error) }
      state.failures += 1
      log.warn('the roll-up failed', { reason: reason(error), failures: state.failures })
    }
    const pause = state.failures === 0 ? interval : Math.min(interval, firstRetry * 2 ** Math.min(state.failures, 10))
    await delay(pause, undefined, { signal }).catch(() => {})
  }
}

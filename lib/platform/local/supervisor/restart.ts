import type { RunSpec } from '../../../model/desired.ts'
import type { Milliseconds } from '../../../model/duration.ts'

const firstDelayMs = 100
const longestDelayMs = 30_000
/** A process that lives this long, in milliseconds, is stable: its crash loop is over, and its next failure is a first one. */
export const stableMs = 60_000
const loopWindowMs = 60_000
const loopExits = 3

/** What a restart is decided by. Times are monotonic, in milliseconds. */
export type RestartHistory = {
  /** Exits without a stable run between them. */
  failures: number
  /** When the last exits happened, oldest first; only those that can still make a crash loop. */
  exits: readonly number[]
  /** It crash-loops: from the third exit within a minute until it was stable, however long the delays have become. */
  crashLoop: boolean
}

/** No exit so far. */
export const noExits: RestartHistory = { failures: 0, exits: [], crashLoop: false }

/** What follows an exit: the delay before the next start, or none when the policy says that it stays ended. */
export type RestartDecision = { history: RestartHistory; delayMs?: Milliseconds }

/**
 * Decides what follows an exit. The delay doubles from 100 ms to 30 s with every exit and is reset by a run of a minute. Three exits within
 * a minute are a crash loop, which is still retried.
 *
 * @param livedMs how long the process lived
 * @param clean whether it exited with status 0
 */
export function afterExit(
  history: RestartHistory,
  exit: { now: number; livedMs: Milliseconds; clean: boolean },
  policy: RunSpec['restart'],
): RestartDecision {
  const stable = exit.livedMs >= stableMs
  const failures = stable ? 1 : history.failures + 1
  const exits = [...history.exits, exit.now].filter((at) => exit.now - at < loopWindowMs).slice(-loopExits)
  const again = policy === 'always' || (policy === 'on-failure' && !exit.clean)
  if (!again) return { history: { failures, exits, crashLoop: false } }
  const crashLoop = exits.length >= loopExits || (history.crashLoop && !stable)
  return { history: { failures, exits, crashLoop }, delayMs: delayAfter(failures) }
}

/** The delay before the start that follows so many exits in a row. */
export function delayAfter(failures: number): Milliseconds {
  return Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 20))
}

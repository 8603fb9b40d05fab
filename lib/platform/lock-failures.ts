import { formatDuration, type Milliseconds } from '../model/duration.ts'
import type { Failure } from '../model/failure.ts'
import type { Holder } from '../model/platform.ts'
import { hostName } from '../system/machine.ts'

/** Sets the time to live of locks, as `15s` or `500ms`: for tests and rehearsals. */
export const lockTtlVariable = 'OPS_LOCK_TTL'

/** The failure `locked`: who holds the lock, since when, doing what. `silentMs`: for how long the holder has given no sign of life. */
export function locked(
  environment: string,
  { holder, mode }: { holder: Holder; mode: 'exclusive' | 'shared' },
  silentMs: Milliseconds,
): Failure {
  const age = Date.now() - Date.parse(holder.since)
  const since = age >= 0 ? `since ${holder.since} (${formatDuration(age)} ago)` : `since ${holder.since}`
  const local = holder.host === hostName()
  return {
    code: 'locked',
    message: `${environment} is locked by ${holder.user}@${holder.host} (process ${holder.pid}): ${holder.purpose}, ${since}`,
    why:
      silentMs > 30_000
        ? `the process lives but has given no sign of life for ${formatDuration(silentMs)}; it may be stopped (Ctrl-Z)`
        : `${mode === 'shared' ? 'a shared lock, ' : ''}run ${holder.run}`,
    next:
      silentMs > 30_000 && local
        ? [`kill ${holder.pid}`, 'then the same command again: it takes over and says what was left']
        : ['task runs', 'the same command again when that run has ended'],
    outcome: 'locked',
  }
}

/** Said while a silent holder, whose clock and processes cannot be seen from here, is watched. */
export function watching(environment: string, holder: Holder | undefined, ttlMs: Milliseconds): string {
  const whose = holder
    ? `${holder.user}@${holder.host} (process ${holder.pid}, ${holder.purpose})`
    : 'somebody whose entry cannot be read'
  return `${environment} is locked by ${whose}, who gives no sign of life; it is watched for ${formatDuration(ttlMs)} and then taken over`
}

/** The failure of a wait that was given up. */
export const interrupted = (environment: string): Failure => ({
  code: 'aborted',
  message: `interrupted while waiting for the lock of ${environment}; nothing was changed`,
  outcome: 'unchanged',
})

/** The failure of a lease that somebody else has taken over meanwhile. */
export const takenOver = (run: string): Failure => ({
  code: 'lock-lost',
  message: `run ${run} has taken over the lock, since this run gave no sign of life; it stops and changes nothing further`,
  outcome: 'locked',
  next: ['task runs'],
})

/** The failure of a lease that cannot be kept alive. */
export const cannotRenew = (failure: Failure): Failure => ({
  ...failure,
  code: 'lock-lost',
  message: `the lock cannot be renewed, so this run stops before others take it over: ${failure.message}`,
  outcome: 'unfinished',
})

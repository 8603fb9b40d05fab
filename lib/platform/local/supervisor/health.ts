import type { RunSpec } from '../../../model/desired.ts'
import type { Probe, ProbeTarget } from '../../../model/probe.ts'

/** What one attempt of all probes of a service found. */
export type Attempt = { passed: boolean; message: string }

/** Makes one attempt of every probe at once. Without probes, being alive is all that can be asked. Never throws. */
export async function attemptAll(probes: Probe[], target: ProbeTarget, signal: AbortSignal): Promise<Attempt> {
  if (probes.length === 0) return { passed: true, message: 'alive' }
  const results = await Promise.all(probes.map((probe) => attemptOne(probe, target, signal)))
  const failures = results.filter((result) => !result.passed)
  return failures.length === 0
    ? { passed: true, message: results[0]?.message ?? '' }
    : { passed: false, message: failures.map((result) => result.message).join('; ') }
}

async function attemptOne(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<Attempt> {
  try {
    // Imported late: a supervisor whose services have no probes need not hold their code.
    const { runProbe } = await import('../../../probes/index.ts')
    return await runProbe(probe, target, signal)
  } catch (error) {
    // An update of the package has replaced the files under a running supervisor.
    return { passed: false, message: `the probe could not be loaded: ${(error as Error).message}` }
  }
}

/** While its health is not known, a service is looked at more often than it asks to be watched, yet not more often than this. */
const eagerMs = 1000

/**
 * Watches the health of one instance of a service until the signal is aborted. One failed attempt does not make a healthy service
 * unhealthy; two in a row do.
 */
export async function watchHealth(
  health: RunSpec['health'],
  target: ProbeTarget,
  signal: AbortSignal,
  report: (attempt: Attempt) => void,
): Promise<void> {
  const { probes, intervalMs, watchMs } = health
  const eager = Math.min(watchMs, Math.max(intervalMs, eagerMs))
  let known = false
  let failures = 0
  for (;;) {
    await pause(known ? watchMs : eager, signal)
    if (signal.aborted) return
    const attempt = await attemptAll(probes, target, signal)
    if (signal.aborted) return
    failures = attempt.passed ? 0 : failures + 1
    if (attempt.passed || failures >= 2) {
      known = attempt.passed
      report(attempt)
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}

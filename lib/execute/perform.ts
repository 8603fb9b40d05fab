import { type Failure, FailureError } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import { isEmpty, type Plan } from '../model/plan.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { comparePlans } from '../plan/digest.ts'
import { type Journal, openJournal } from './journal.ts'
import { lostLock } from './op-failure.ts'
import { differenceFailure, ended, type Operation, type OperationResult, type Prepared } from './operation-request.ts'
import { type Partly, partlyDone } from './partly.ts'
import { command, leftInPart, settle } from './recovery.ts'
import {
  type Executed,
  interrupted,
  isInterrupted,
  leftBy,
  leftMark,
  recordMs,
  runPlan,
  say,
  type Way,
} from './run-plan.ts'
import { stuckFailures } from './stuck.ts'
import { failedWay } from './way-back.ts'

/** How far a run has come, for records that cannot be written: `changing` once its plan may have changed something. */
type Progress = { release?: number; changing: boolean; healthy?: boolean }

/**
 * Observes and plans again, and runs what is still the plan that was shown.
 * @param findings those shown with the plan
 */
export async function underLock(way: Way, approved: Plan, findings: Finding[]): Promise<OperationResult> {
  const { operation, options, lease } = way
  const again = await operation.prepare(options.signal)
  if (!again.ok) return ended('unchanged', { failures: again.failures, findings })
  const { plan } = again.value
  const shown = { plan, findings, run: operation.run }
  const errors = plan.findings.filter((finding) => finding.severity === 'error')
  if (errors.length > 0) return ended('unchanged', { ...shown, findings: errors })
  const difference = differenceFailure(comparePlans(approved, plan))
  if (difference) return ended('unchanged', { ...shown, failures: [difference] })
  if (!(await lease.prove(recordMs))) return ended('locked', { ...shown, failures: lostLock(lease) })
  if (isEmpty(plan)) {
    if (!isEmpty(approved)) options.emit({ type: 'message', level: 'info', text: doneMeanwhile(plan) })
    await settleLeft(way)
    return ended('done', shown)
  }

  const started = performance.now()
  const journal = await openJournal({
    ops: operation.ops,
    run: operation.run,
    operation: plan.operation,
    arguments: operation.arguments,
    environment: operation.environment,
    within: way.within,
    warn: (text) => options.emit({ type: 'message', level: 'warning', text }),
  })
  const run = { type: 'run-started', run: operation.run, operation: plan.operation } as const
  options.emit({ ...run, environment: operation.environment, by: lease.holder.user })
  const progress: Progress = { changing: false }
  let result: OperationResult | undefined
  try {
    const { supersedes, ...executed } = await recordAndExecute(way, again.value, journal, progress)
    if (supersedes) await settleLeft(way)
    result = { ...shown, ...executed }
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    result = { ...shown, ...unrecorded(error, plan, progress) }
  } finally {
    const durationMs = Math.round(performance.now() - started)
    await say(way, journal, { type: 'run-ended', run: operation.run, outcome: result?.outcome ?? 'failed', durationMs })
    // Each of its entries is durable already.
    await journal.close().catch(() => {})
  }
  return result
}

const doneMeanwhile = ({ operation, environment }: Plan): string =>
  `${operation} ${environment}: nothing to do any more; somebody else did it meanwhile`

/** A record that could not be written: before the first change nothing has happened; after it, the work is there and nobody knows. */
function unrecorded({ failures }: FailureError, plan: Plan, { release, changing, healthy }: Progress): Executed {
  const [first, ...rest] = failures as [Failure, ...Failure[]]
  if (!changing && release === undefined) return { outcome: first.outcome ?? 'unchanged', failures }
  const { environment, operation } = plan
  const words = release === undefined ? [operation] : healthy ? ['resume', 'rollback'] : ['resume', 'abort']
  const next = words.map((word) => command(word, environment))
  return {
    outcome: 'unfinished',
    failures: [{ ...first, outcome: 'unfinished', next: [...(first.next ?? []), ...next] }, ...rest],
    ...(release === undefined ? {} : { release }),
  }
}

/**
 * Dead runs are settled only once this run has reached its own target, or gone back from it, in order: if it dies too, is interrupted,
 * or is refused, all of it is still unfinished, and what may not run twice is still known.
 */
async function settleLeft({ operation, options, lease, unfinished }: Way): Promise<void> {
  if (!unfinished || !(await lease.prove(recordMs))) return
  const place = { ops: operation.ops, environment: operation.environment, releases: operation.platform.releases }
  try {
    const { healthy } = unfinished
    const { releases } = place
    if (healthy && (await releases.current()) === healthy.number)
      await releases.setCurrent(healthy.number, operation.run)
    await settle(place, unfinished, operation.run, operation.recovers ?? 'superseded')
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    const text = `what was left unfinished could not be marked as dealt with, and is reported again: ${error.message}`
    options.emit({ type: 'message', level: 'warning', text })
  }
}

/** Opens the release's record before the first changing op, executes, and writes how it ended. */
async function recordAndExecute(
  way: Way,
  prepared: Prepared,
  journal: Journal,
  progress: Progress,
): Promise<Executed & { supersedes: boolean }> {
  const { operation, lease } = way
  const { plan, snapshot } = prepared
  const { releases } = operation.platform
  const { release } = plan
  // An operation that a hook calls has taken no lock.
  if (way.within === undefined) {
    await journal.record({ type: 'lock-taken', environment: operation.environment, takenFrom: way.takenFrom })
  }
  await operation.beforeExecute?.(prepared)
  if (release) {
    await releases.open(release)
    progress.release = release.number
    const { environment, number, revision } = release
    await say(way, journal, { type: 'release-opened', environment, release: number, revision })
  }
  progress.changing = true
  const numbered = release ? { release: release.number } : {}
  const { ended: ends, failures: own } = await runPlan(way, plan, 1, journal)
  const failures = own.length === 0 && release ? await lostServices(way, plan, release) : own
  if (failures.length > 0) {
    if (isInterrupted(way)) {
      return { ...interrupted(way, failures, release?.environment), ...numbered, supersedes: false }
    }
    // A rollback to the release that is current has no target to move to.
    if (plan.target !== undefined || plan.operation === 'rollback') {
      const failedTarget = plan.target ?? snapshot.current
      const stuck = stuckFailures(failures, { environment: plan.environment, snapshot, failedTarget })
      return { outcome: 'stuck', failures: stuck, supersedes: false }
    }
    const { wentBack, ...back } = await failedWay(way, prepared, journal, failures, ends)
    if (operation.resilient && !isInterrupted(way)) return partial(way, back, partlyDone(plan, ends, failures), journal)
    return { ...back, supersedes: wentBack }
  }
  // A holder that was stopped after its last op must not write what is somebody else's by now.
  if (!(await lease.prove(recordMs))) {
    return { ...interrupted(way, [], release?.environment), ...numbered, supersedes: false }
  }
  const done = { outcome: 'done', failures: [], supersedes: true } as const
  if (release) {
    await releases.close(release.number, { outcome: 'healthy', ended: new Date().toISOString() })
    progress.healthy = true
    await releases.setCurrent(release.number, operation.run)
    const { environment, number } = release
    await say(way, journal, { type: 'release-closed', environment, release: number, outcome: 'healthy' })
    return { ...done, failures: [], ...numbered }
  }
  if (plan.target === undefined) return { ...done, failures: [] }
  await moveTo(operation, snapshot, plan, plan.target)
  return { ...done, failures: [], release: plan.target }
}

/**
 * How a resilient operation ended in which something failed: done in part where anything was done at all. What it left is for `task resume`,
 * whatever earlier ones of its kind had left.
 */
async function partial(
  way: Way,
  back: Executed,
  partly: Partly,
  journal: Journal,
): Promise<Executed & { supersedes: boolean }> {
  if (back.outcome === 'stuck' || partly.done.length === 0) return { ...back, partly, supersedes: false }
  const services = [...partly.failed, ...partly.skipped].map(({ service }) => service)
  await journal.record({ type: 'services-left', services })
  const earlier = way.unfinished && leftInPart(way.unfinished)
  if (earlier) await settleLeft({ ...way, unfinished: earlier })
  const [first, ...rest] = back.failures as [Failure, ...Failure[]]
  const next = [...(first.next ?? []), command('resume', way.operation.environment)]
  return { outcome: 'partial', failures: [{ ...first, next }, ...rest], partly, supersedes: false }
}

/**
 * A last look before a release counts as healthy: a service whose gate passed early, or that the deploy did not touch, may have ended since.
 * One failure for each that does not run.
 */
async function lostServices({ operation, options }: Way, plan: Plan, release: Release): Promise<Failure[]> {
  // A partial deploy answers for what it rolled only: others may have been stopped on purpose.
  const rolled = new Set(plan.ops.flatMap((op) => (op.kind === 'wait-gate' ? [op.data.service] : [])))
  const states = new Map((await operation.platform.status(options.signal)).map((state) => [state.service, state]))
  return release.services.flatMap(({ service, spec }): Failure[] => {
    const state = states.get(service)
    if (!spec || spec.oneShot || state?.status === 'running' || (release.only && !rolled.has(service))) return []
    const why = state?.reason ?? `it is ${state?.status ?? 'stopped'}`
    return [{ code: 'service-lost', message: `${service} does not run any more`, service, why }]
  })
}

/** Makes an older release current, and remembers that the one before was left. */
async function moveTo({ platform, run }: Operation, snapshot: Snapshot, plan: Plan, target: number): Promise<void> {
  const { releases } = platform
  const left = snapshot.releases.find((release) => release.number === snapshot.current)
  if (left && left.number > target) {
    const { number, outcome } = left
    await releases.close(number, { outcome, left: { at: new Date().toISOString(), run, to: target } })
  }
  await releases.setCurrent(target, run)
  const remembered = leftBy(plan)
  if (remembered === undefined) return
  await releases.recordEffect(remembered, { op: leftMark, ended: 'done', at: new Date().toISOString() })
}

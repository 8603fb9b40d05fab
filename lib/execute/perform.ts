import type { Failure } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import { isEmpty, type Plan } from '../model/plan.ts'
import type { Effect, Holder, Lease, ReleaseStore } from '../model/platform.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { comparePlans, planDigest } from '../plan/digest.ts'
import { withoutChanges } from '../plan/rollback.ts'
import { executePlan } from './execute.ts'
import { type Journal, openJournal } from './journal.ts'
import { lostLock } from './op-failure.ts'
import {
  differenceFailure,
  ended,
  type Operation,
  type OperationOptions,
  type OperationResult,
  type Prepared,
} from './operation-request.ts'
import { command, settle, type Unfinished } from './recovery.ts'
import type { JournalEntry } from './run-record.ts'
import { stuckFailures } from './stuck.ts'

/** What an operation has once it holds the lock. */
export type Way = {
  operation: Operation
  options: OperationOptions
  lease: Lease
  takenFrom: Holder[]
  /** What dead runs left. Their hooks that may not run twice are not run twice. */
  unfinished?: Unfinished
}

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
  if (!(await lease.prove(recordMs))) return lostResult(way, shown)
  if (isEmpty(plan)) {
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
    warn: (text) => options.emit({ type: 'message', level: 'warning', text }),
  })
  const run = { type: 'run-started', run: operation.run, operation: plan.operation } as const
  options.emit({ ...run, environment: operation.environment, by: lease.holder.user })
  let result: OperationResult | undefined
  try {
    const executed = await recordAndExecute(way, again.value, journal)
    if (executed.outcome === 'done' || !isInterrupted(way)) await settleLeft(way)
    result = { ...shown, ...executed }
    return result
  } finally {
    const durationMs = Math.round(performance.now() - started)
    await say(way, journal, { type: 'run-ended', run: operation.run, outcome: result?.outcome ?? 'failed', durationMs })
    await journal.close()
  }
}

const isInterrupted = ({ lease, options }: Way): boolean => lease.lost.aborted || options.signal.aborted

/** What people see and the journal keeps alike. */
type Said = Extract<JournalEntry, { type: 'release-opened' | 'release-closed' | 'run-ended' }>

/** Puts an event into the journal, then shows it. */
async function say({ options }: Way, journal: Journal, event: Said): Promise<void> {
  const unkept = await journal.record(event)
  options.emit(event)
  if (unkept) options.emit({ type: 'message', level: 'warning', text: `not in the journal: ${unkept.message}` })
}

/** How long the writing of records may take, in milliseconds. */
const recordMs = 30_000

/**
 * Dead runs are settled only once this run has ended in order: if it dies too, or is interrupted, all of it is still unfinished, and
 * what may not run twice is still known.
 */
async function settleLeft({ operation, lease, unfinished }: Way): Promise<void> {
  if (!unfinished || !(await lease.prove(recordMs))) return
  const place = { ops: operation.ops, environment: operation.environment, releases: operation.platform.releases }
  await settle(place, unfinished, operation.run, operation.recovers ?? 'superseded')
}

const lostResult = ({ lease }: Way, shown: Partial<OperationResult>): OperationResult =>
  ended('locked', { ...shown, failures: lostLock(lease) })

const stuck = (failures: Failure[]): Executed => ({ outcome: 'stuck', failures })

type Executed = Pick<OperationResult, 'outcome' | 'failures' | 'release' | 'rolledBackTo'>

/** Opens the release's record before the first changing op, executes, and writes how it ended. */
async function recordAndExecute(way: Way, prepared: Prepared, journal: Journal): Promise<Executed> {
  const { operation, lease } = way
  const { plan, snapshot } = prepared
  const { releases } = operation.platform
  const { release } = plan
  await journal.record({ type: 'lock-taken', environment: operation.environment, takenFrom: way.takenFrom })
  await operation.beforeExecute?.(prepared)
  if (release) {
    await releases.open(release)
    const { environment, number, revision } = release
    await say(way, journal, { type: 'release-opened', environment, release: number, revision })
  }
  const numbered = release ? { release: release.number } : {}
  const executed = await execute(way, plan, 1, journal)
  const failures = executed.length === 0 && release ? await lostServices(way, plan, release) : executed
  const [failure] = failures
  if (failure) {
    if (isInterrupted(way)) return { ...interrupted(failure, release?.environment), ...numbered }
    // A rollback to the release that is current has no target to move to.
    if (plan.target !== undefined || plan.operation === 'rollback') {
      const failedTarget = plan.target ?? snapshot.current
      return stuck(stuckFailures(failures, { environment: plan.environment, snapshot, failedTarget }))
    }
    return { ...(await failedWay(way, prepared, journal, failures)), ...numbered }
  }
  // A holder that was stopped after its last op must not write what is somebody else's by now.
  if (!(await lease.prove(recordMs))) return { ...interrupted(lostLock(lease)[0], release?.environment), ...numbered }
  if (release) {
    await releases.close(release.number, { outcome: 'healthy', ended: new Date().toISOString() })
    await releases.setCurrent(release.number, operation.run)
    const { environment, number } = release
    await say(way, journal, { type: 'release-closed', environment, release: number, outcome: 'healthy' })
    return { outcome: 'done', failures: [], ...numbered }
  }
  if (plan.target !== undefined) {
    await moveTo(operation, snapshot, plan.target)
    return { outcome: 'done', failures: [], release: plan.target }
  }
  return { outcome: 'done', failures: [] }
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
async function moveTo({ platform, run }: Operation, snapshot: Snapshot, target: number): Promise<void> {
  const left = snapshot.releases.find((release) => release.number === snapshot.current)
  if (left && left.number > target) {
    const { number, outcome } = left
    await platform.releases.close(number, { outcome, left: { at: new Date().toISOString(), run, to: target } })
  }
  await platform.releases.setCurrent(target, run)
}

/**
 * Executes the run's `number`th plan. Returns its failures; none when all is done.
 * @param release with which the ends of ops are kept that nobody can observe
 */
async function execute(
  way: Way,
  plan: Plan,
  number: number,
  journal: Journal,
  release = plan.release?.number,
): Promise<Failure[]> {
  const { operation, options, lease } = way
  const unkept = await journal.record({
    type: 'plan-fixed',
    plan: number,
    operation: plan.operation,
    digest: planDigest(plan),
    ops: plan.ops.map((op) => op.id),
    ...(plan.target === undefined ? {} : { target: plan.target }),
  })
  if (unkept) return [unkept]
  const { failures, ended: ends } = await executePlan(plan, {
    handlers: operation.handlers,
    journal,
    lease,
    plan: number,
    secrets: operation.secrets,
    emit: options.emit,
    signal: options.signal,
    redact: options.redact,
    ...(release === undefined ? {} : { effects: { store: knownEffects(way), release } }),
  })
  const changed = plan.ops.some((op) => op.changes && ends.get(op.id) === 'done')
  return changed ? failures.map(afterChanges) : failures
}

/** An op says `unchanged` of itself; of a run that has changed something before it, that is untrue. */
function afterChanges(failure: Failure): Failure {
  const { outcome, ...rest } = failure
  return outcome === 'unchanged' || outcome === 'usage' ? rest : failure
}

/** The effects of a release together with those of the abandoned ones that it supersedes. */
function knownEffects({ operation, unfinished }: Way): Pick<ReleaseStore, 'recordEffect' | 'effects'> {
  const { releases } = operation.platform
  return {
    recordEffect: (number, effect) => releases.recordEffect(number, effect),
    async effects(number) {
      const all: Effect[] = []
      for (const one of [...(unfinished?.releases ?? []).map((release) => release.number), number])
        all.push(...(await releases.effects(one)))
      return all
    },
  }
}

/** Ended by a signal or by the loss of the lock: what was begun stays as it is, for `resume` and `abort`. */
function interrupted(failure: Failure, environment: string | undefined): Executed {
  const next = environment === undefined ? [] : [command('resume', environment), command('abort', environment)]
  return {
    outcome: failure.outcome ?? 'interrupted',
    failures: [{ ...failure, next: [...(failure.next ?? []), ...next] }],
  }
}

/** After a failed op: the record says failed, and the environment goes back to where it was. */
async function failedWay(way: Way, prepared: Prepared, journal: Journal, failures: Failure[]): Promise<Executed> {
  const { operation, options } = way
  const [failure] = failures as [Failure, ...Failure[]]
  const { release, environment } = prepared.plan
  if (!(await way.lease.prove(recordMs))) return interrupted(lostLock(way.lease)[0], environment)
  if (release) {
    const cause = failure.message
    const { number } = release
    await operation.platform.releases.close(number, { outcome: 'failed', ended: new Date().toISOString(), cause })
    await say(way, journal, { type: 'release-closed', environment, release: number, outcome: 'failed', cause })
  }
  if (!operation.goBack) return { outcome: failure.outcome ?? 'failed', failures }
  const back = await operation.goBack(failure, prepared, options.signal)
  const where = { environment, snapshot: prepared.snapshot }
  if (!back.ok) return stuck(stuckFailures([...failures, ...back.failures], where))
  const refused = back.value.findings.filter((finding) => finding.severity === 'error')
  if (refused.length > 0) {
    const why = refused.map((finding) => finding.message).join('; ')
    const next = refused.flatMap((finding) => finding.mend ?? [])
    await execute(way, withoutChanges(back.value), 2, journal, release?.number)
    const told = { ...failure, why: [failure.why, why].filter(Boolean).join('; ') }
    return stuck(stuckFailures([told, ...failures.slice(1)], where, next))
  }
  options.emit({ type: 'plan-shown', plan: back.value, findings: back.value.findings })
  const again = await execute(way, back.value, 2, journal, release?.number)
  if (again.length > 0) {
    return stuck(stuckFailures([...again, ...failures], { ...where, failedTarget: prepared.snapshot.current }))
  }
  const to = prepared.snapshot.current
  if (to === undefined || !release) return { outcome: failure.outcome ?? 'failed', failures }
  return { outcome: 'rolledBack', failures, rolledBackTo: to }
}

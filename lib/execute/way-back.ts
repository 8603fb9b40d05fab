import type { OpEnd } from '../log/events.ts'
import type { Failure } from '../model/failure.ts'
import type { OpId } from '../model/op.ts'
import type { Release } from '../model/release.ts'
import { withoutChanges } from '../plan/rollback.ts'
import type { Journal } from './journal.ts'
import type { Prepared } from './operation-request.ts'
import { type Executed, interrupted, isInterrupted, recordMs, runPlan, say, type Way } from './run-plan.ts'
import { stuckFailures } from './stuck.ts'

/**
 * After a failed op: the environment goes back to where it was, and the record says failed. It says so last: until then the release is
 * open, and whoever finds it so, in whichever clone, can go on with it or back from it.
 */
export async function failedWay(
  way: Way,
  prepared: Prepared,
  journal: Journal,
  failures: Failure[],
  ended: ReadonlyMap<OpId, OpEnd>,
): Promise<Executed & { wentBack: boolean }> {
  const { release } = prepared.plan
  const back = await goBack(way, prepared, journal, failures, ended)
  const numbered = release ? { release: release.number } : {}
  if (!release || back === 'interrupted') return { ...endOf(way, back, failures, release), ...numbered }
  if (!(await way.lease.prove(recordMs))) return { ...endOf(way, 'interrupted', failures, release), ...numbered }
  const { environment, number } = release
  const cause = (failures[0] as Failure).message
  const { releases } = way.operation.platform
  await releases.close(number, { outcome: 'failed', ended: new Date().toISOString(), cause })
  await say(way, journal, { type: 'release-closed', environment, release: number, outcome: 'failed', cause })
  return { ...back, ...numbered }
}

type Back = Executed & { wentBack: boolean }

const endOf = (way: Way, back: Back | 'interrupted', failures: Failure[], release: Release | undefined): Back =>
  back === 'interrupted' ? { ...interrupted(way, failures, release?.environment), wentBack: false } : back

const stuck = (failures: Failure[]): Back => ({ outcome: 'stuck', failures, wentBack: false })

async function goBack(
  way: Way,
  prepared: Prepared,
  journal: Journal,
  failures: Failure[],
  ended: ReadonlyMap<OpId, OpEnd>,
): Promise<Back | 'interrupted'> {
  const { operation, options } = way
  const [failure] = failures as [Failure, ...Failure[]]
  const { release, environment } = prepared.plan
  const outcome = failure.outcome ?? 'failed'
  if (!operation.goBack) return { outcome, failures, wentBack: false }
  if (!(await way.lease.prove(recordMs))) return 'interrupted'
  const back = await operation.goBack(failure, prepared, options.signal, ended)
  if (isInterrupted(way)) return 'interrupted'
  const where = { environment, snapshot: prepared.snapshot }
  if (!back.ok) return stuck(stuckFailures([...failures, ...back.failures], where))
  const refused = back.value.findings.filter((finding) => finding.severity === 'error')
  if (refused.length > 0) {
    const why = refused.map((finding) => finding.message).join('; ')
    const next = refused.flatMap((finding) => finding.mend ?? [])
    await runPlan(way, withoutChanges(back.value), 2, journal, release?.number)
    if (isInterrupted(way)) return 'interrupted'
    const told = { ...failure, why: [failure.why, why].filter(Boolean).join('; ') }
    return stuck(stuckFailures([told, ...failures.slice(1)], where, next))
  }
  // Without a release, there may be nothing to go back from.
  if (!release && back.value.ops.length === 0) return { outcome, failures, wentBack: false }
  options.emit({ type: 'plan-shown', plan: back.value, findings: back.value.findings })
  const { failures: again } = await runPlan(way, back.value, 2, journal, release?.number)
  if (again.length > 0) {
    if (isInterrupted(way)) return 'interrupted'
    return stuck(stuckFailures([...again, ...failures], { ...where, failedTarget: prepared.snapshot.current }))
  }
  const to = prepared.snapshot.current
  if (to === undefined || !release) return { outcome, failures, wentBack: release !== undefined }
  // Without the backup that was to come first, nothing was begun: there was nothing to go back from.
  const wasFirst = prepared.plan.ops.some((op) => op.id === failure.op && op.kind === 'take-backup')
  if (wasFirst && !back.value.ops.some((op) => op.changes)) return { outcome: 'failed', failures, wentBack: true }
  return { outcome: 'rolledBack', failures, rolledBackTo: to, wentBack: true }
}

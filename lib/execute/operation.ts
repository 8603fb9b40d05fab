import type { Finding } from '../model/finding.ts'
import { isEmpty } from '../model/plan.ts'
import { comparePlans } from '../plan/digest.ts'
import { confirm } from './confirm.ts'
import {
  differenceFailure,
  ended,
  foreignPlan,
  type Operation,
  type OperationOptions,
  type OperationResult,
  type Prepared,
} from './operation-request.ts'
import { underLock, type Way } from './perform.ts'
import { findUnfinished, leftovers } from './recovery.ts'

/**
 * The way of one command: prepare, preflight, show, confirm, lock, prepare again, record, execute, close. Never throws for what can
 * be expected; every failure leaves the lock released and the journal closed.
 */
export async function runOperation(operation: Operation, options: OperationOptions): Promise<OperationResult> {
  const first = await operation.prepare(options.signal)
  if (!first.ok) return ended('unchanged', { failures: first.failures })
  const { plan } = first.value
  const findings = await findingsOf(operation, first.value, options.signal)
  const unfit = findings.some((finding) => finding.severity === 'error')
  // An empty plan that cannot be made is no "nothing to do".
  if (!unfit || !isEmpty(plan)) options.emit({ type: 'plan-shown', plan, findings })
  const shown = { plan, findings }
  if (unfit) return ended('unchanged', shown)
  const { approved } = options
  const unapproved = approved && (foreignPlan(approved, plan) ?? differenceFailure(comparePlans(approved, plan)))
  if (unapproved) return ended('unchanged', { ...shown, failures: [unapproved] })
  if (options.dryRun) return ended('done', shown)
  if (isEmpty(plan) && !(await hasToSettle(operation))) return ended('done', shown)
  // Where nothing is to be done there is nothing to agree to.
  const declined = isEmpty(plan)
    ? undefined
    : await confirm(plan, { ...options, environment: operation.environment, protected: operation.protected })
  if (declined) return ended('unchanged', { ...shown, failures: [declined] })

  const lock = await operation.platform.lock.acquire({
    mode: 'exclusive',
    run: operation.run,
    purpose: operation.purpose,
    signal: options.signal,
  })
  if (!lock.ok) return ended(lock.failures[0].outcome ?? 'locked', { ...shown, failures: lock.failures })
  const { lease, takenFrom } = lock.value
  try {
    const place = { ops: operation.ops, environment: operation.environment, releases: operation.platform.releases }
    const unfinished = await findUnfinished(place, lease.holder)
    for (const holder of leftovers(takenFrom, unfinished)) await operation.platform.endLeftovers(holder, options.signal)
    const way: Way = { operation, options, lease, takenFrom, ...(unfinished ? { unfinished } : {}) }
    return await underLock(way, options.approved ?? plan, findings)
  } finally {
    await lease.release()
  }
}

/** Whether a dead run is to be dealt with though nothing is to be done: else it would be reported for ever, and its children live on. */
async function hasToSettle({ ops, environment, platform, recovers }: Operation): Promise<boolean> {
  if (recovers !== undefined) return true
  const { releases, lock } = platform
  return (await findUnfinished({ ops, environment, releases }, await lock.inspect())) !== undefined
}

async function findingsOf(operation: Operation, prepared: Prepared, signal: AbortSignal): Promise<Finding[]> {
  const { plan, desired } = prepared
  if (isEmpty(plan) || plan.findings.some((finding) => finding.severity === 'error')) return plan.findings
  return [...plan.findings, ...(await operation.platform.preflight(plan, desired, signal))]
}

import { type Failure, FailureError } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import { isEmpty, type Plan } from '../model/plan.ts'
import { comparePlans } from '../plan/digest.ts'
import { confirm } from './confirm.ts'
import { interruption } from './op-failure.ts'
import {
  differenceFailure,
  ended,
  foreignPlan,
  type Operation,
  type OperationOptions,
  type OperationResult,
  type Prepared,
} from './operation-request.ts'
import { underLock } from './perform.ts'
import { findUnfinished, leftovers, partByCover, unfinishedFindings } from './recovery.ts'
import type { Way } from './run-plan.ts'
import { consentsOf, type Held, heldHere, sharing, takeTurn } from './shared.ts'

/**
 * The way of one command: prepare, preflight, show, confirm, lock, prepare again, record, execute, close. Never throws for what can
 * be expected; every failure leaves the lock released and the journal closed. Called by a hook of an operation on the same
 * environment, it shares that one's lock; others of this process wait for each other.
 */
export async function runOperation(operation: Operation, options: OperationOptions): Promise<OperationResult> {
  const turn = await takeTurn(operation, options.signal)
  if (!turn) return stopped(interruption(options.signal.reason))
  if ('failure' in turn) return stopped(turn.failure)
  try {
    return await attempt(operation, options)
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    // Whatever comes after the first change says so itself.
    return ended(error.failures[0]?.outcome ?? 'unchanged', { failures: error.failures })
  } finally {
    turn.give()
  }
}

const stopped = (failure: Failure): OperationResult => ended(failure.outcome ?? 'unchanged', { failures: [failure] })

async function attempt(operation: Operation, options: OperationOptions): Promise<OperationResult> {
  const first = await operation.prepare(options.signal)
  if (!first.ok) return ended('unchanged', { failures: first.failures })
  const { plan } = first.value
  const outer = heldHere(operation)
  const within = outer && !options.dryRun ? refusedWithin(outer, plan) : undefined
  if (within) return ended('unchanged', { plan, failures: [within] })
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
  if (isEmpty(plan) && (outer || !(await hasToSettle(operation)))) return ended('done', shown)
  // Where nothing is to be done there is nothing to agree to.
  const { environment, protected: isProtected } = operation
  const consent = { ...options, environment, protected: isProtected, given: consentsOf(operation) }
  const declined = isEmpty(plan) ? undefined : await confirm(plan, consent)
  if (declined) return ended('unchanged', { ...shown, failures: [declined] })
  if (outer) {
    const way: Way = { operation, options, lease: outer.lease, takenFrom: [], within: outer.run }
    return await underLock(way, approved ?? plan, findings)
  }

  const { run, purpose, platform, ops } = operation
  const lock = await platform.lock.acquire({
    mode: operation.lock ?? 'exclusive',
    run,
    purpose,
    signal: options.signal,
  })
  if (!lock.ok) return ended(lock.failures[0].outcome ?? 'locked', { ...shown, failures: lock.failures })
  const { lease, takenFrom } = lock.value
  try {
    const unfinished = await findUnfinished({ ops, environment, releases: platform.releases }, lease.holder)
    for (const holder of leftovers(takenFrom, unfinished)) await platform.endLeftovers(holder, options.signal)
    const { mine, others } = partByCover(unfinished, operation.covers, operation.again, operation.makesGood)
    for (const { message, mend } of others ? unfinishedFindings(others) : []) {
      options.emit({ type: 'message', level: 'warning', text: `${message}\n  mend: ${mend}` })
    }
    const way: Way = { operation, options, lease, takenFrom, ...(mine ? { unfinished: mine } : {}) }
    return await sharing(operation, { lease, run, purpose }, () => underLock(way, approved ?? plan, findings))
  } finally {
    await lease.release()
  }
}

/** The operations that make another release current, or close one. */
const releasing: ReadonlySet<string> = new Set(['deploy', 'rollback', 'abort'])

/** Why a hook's operation does not run: the release that the hook belongs to is not decided yet. */
function refusedWithin({ purpose, run }: Held, plan: Plan): Failure | undefined {
  if (!releasing.has(plan.operation) && plan.release === undefined && plan.target === undefined) return undefined
  return {
    code: 'release-under-way',
    message: `a hook cannot ${plan.operation} ${plan.environment}: it is part of its ${purpose} (run ${run})`,
    why: 'which release the environment runs is open until that one has ended',
    outcome: 'unchanged',
    next: [`take the ${plan.operation} out of the hook, and call it after the other one: await run(…); await run(…)`],
  }
}

/** Whether a dead run is to be dealt with though nothing is to be done: else it would be reported for ever, and its children live on. */
async function hasToSettle(operation: Operation): Promise<boolean> {
  const { ops, environment, platform, recovers, covers, again, makesGood } = operation
  if (recovers !== undefined) return true
  const { releases, lock } = platform
  const unfinished = await findUnfinished({ ops, environment, releases }, await lock.inspect())
  return partByCover(unfinished, covers, again, makesGood).mine !== undefined
}

async function findingsOf(operation: Operation, prepared: Prepared, signal: AbortSignal): Promise<Finding[]> {
  const { plan, desired } = prepared
  if (isEmpty(plan) || plan.findings.some((finding) => finding.severity === 'error')) return plan.findings
  return [...plan.findings, ...(await operation.platform.preflight(plan, desired, signal))]
}

import type { Failure } from '../model/failure.ts'
import type { Plan } from '../model/plan.ts'
import type { Effect, Holder, Lease, ReleaseStore } from '../model/platform.ts'
import { planDigest } from '../plan/digest.ts'
import { type Execution, executePlan } from './execute.ts'
import type { Journal } from './journal.ts'
import { interruption, lostLock } from './op-failure.ts'
import type { Operation, OperationOptions, OperationResult } from './operation-request.ts'
import { command, type Unfinished } from './recovery.ts'
import type { JournalEntry } from './run-record.ts'

/** What an operation has once it holds the lock. */
export type Way = {
  operation: Operation
  options: OperationOptions
  lease: Lease
  takenFrom: Holder[]
  /** What dead runs left and this one supersedes. Their hooks that may not run twice are not run twice. */
  unfinished?: Unfinished
  /** The run whose hook called it: the lock, and what dead runs left, are that one's. */
  within?: string
}

/** How an executed operation ended. */
export type Executed = Pick<OperationResult, 'outcome' | 'failures' | 'release' | 'rolledBackTo' | 'partly'>

/** How long the writing of records may take, in milliseconds. */
export const recordMs = 30_000

/** What people see and the journal keeps alike. */
type Said = Extract<JournalEntry, { type: 'release-opened' | 'release-closed' | 'run-ended' }>

/** Puts an event into the journal, then shows it. */
export async function say({ options }: Way, journal: Journal, event: Said): Promise<void> {
  const unkept = await journal.record(event)
  options.emit(event)
  if (unkept) options.emit({ type: 'message', level: 'warning', text: `not in the journal: ${unkept.message}` })
}

/** Whether a signal or the loss of the lock ends the run. */
export const isInterrupted = ({ lease, options }: Way): boolean => lease.lost.aborted || options.signal.aborted

/** Ended by a signal or by the loss of the lock: what was begun stays as it is, for `resume` and `abort` where there is a release. */
export function interrupted(way: Way, failures: readonly Failure[], environment: string | undefined): Executed {
  const { lease, options } = way
  const cause = options.signal.aborted && !lease.lost.aborted ? interruption(options.signal.reason) : lostLock(lease)[0]
  const next = environment === undefined ? [] : [command('resume', environment), command('abort', environment)]
  return {
    outcome: cause.outcome ?? 'interrupted',
    failures: [
      { ...cause, next: [...(cause.next ?? []), ...next] },
      ...failures.filter(({ code }) => code !== cause.code && code !== 'aborted'),
    ],
  }
}

/**
 * Executes the run's `number`th plan. Gives how each op ended, and the failures; none when all is done.
 * @param release with which the ends of ops are kept that nobody can observe; default is the one that the plan makes or leaves
 */
export async function runPlan(
  way: Way,
  plan: Plan,
  number: number,
  journal: Journal,
  release = plan.release?.number ?? leftBy(plan),
): Promise<Execution> {
  const { operation, options, lease } = way
  const unkept = await journal.record({
    type: 'plan-fixed',
    plan: number,
    operation: plan.operation,
    digest: planDigest(plan),
    ops: plan.ops.map((op) => op.id),
    ...(plan.target === undefined ? {} : { target: plan.target }),
  })
  if (unkept) return { ended: new Map(), failures: [unkept] }
  const { failures, ended: ends } = await executePlan(plan, {
    handlers: operation.handlers,
    journal,
    lease,
    plan: number,
    secrets: operation.secrets,
    emit: options.emit,
    signal: options.signal,
    redact: options.redact,
    ...(operation.resilient && number === 1 ? { resilient: true } : {}),
    ...(release === undefined ? {} : { effects: { store: knownEffects(way), release } }),
  })
  const changed = plan.ops.some((op) => op.changes && ends.get(op.id) === 'done')
  return { ended: ends, failures: changed ? failures.map(afterChanges) : failures }
}

/** The release that a way back leaves, by what its hooks are told; undefined where nothing has to be remembered with it. */
export function leftBy(plan: Plan): number | undefined {
  for (const op of plan.ops) {
    if (op.kind !== 'run-hook') continue
    const { moment, arguments: given } = op.data
    if (moment === 'onFailure') return given.release
    if (moment === 'afterRollback') return given.previous ?? undefined
  }
  return undefined
}

/** An op says `unchanged` of itself; of a run that has changed something before it, that is untrue. */
function afterChanges(failure: Failure): Failure {
  const { outcome, ...rest } = failure
  return outcome === 'unchanged' || outcome === 'usage' ? rest : failure
}

/** The name under which it is kept with a release that a rollback has left it: what came before concerns no later rollback from it. */
export const leftMark = 'left'

/** The effects of a release together with those of the abandoned ones that it supersedes. */
function knownEffects({ operation, unfinished }: Way): Pick<ReleaseStore, 'recordEffect' | 'effects'> {
  const { releases } = operation.platform
  return {
    recordEffect: (number, effect) => releases.recordEffect(number, effect),
    async effects(number) {
      const all: Effect[] = []
      const numbers = new Set([...(unfinished?.releases ?? []).map((release) => release.number), number])
      for (const one of numbers) {
        const effects = await releases.effects(one)
        all.push(...effects.slice(effects.findLastIndex(({ op }) => op === leftMark) + 1))
      }
      return all
    },
  }
}

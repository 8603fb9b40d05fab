import type { Emit, OpEnd } from '../log/events.ts'
import type { Desired } from '../model/desired.ts'
import type { Failure, Result } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import type { OpId } from '../model/op.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Plan } from '../model/plan.ts'
import type { Handlers, Platform, SecretSource } from '../model/platform.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { isApproved, type PlanDifference } from '../plan/digest.ts'
import type { Consent } from './confirm.ts'
import type { ExecuteOptions } from './execute.ts'
import type { Partly } from './partly.ts'
import type { Settlement } from './run-record.ts'

/** What a plan was made from. */
export type Prepared = { plan: Plan; snapshot: Snapshot; desired?: Desired }

/** One operation on one environment. */
export type Operation = {
  /** The id of this run; names its folder and its record. */
  run: string
  /** The workspace's `.ops` folder. */
  ops: string
  environment: string
  protected: boolean
  platform: Platform
  handlers: Handlers
  secrets: SecretSource
  /** The command's arguments, for the journal. Hold no secret. */
  arguments: Record<string, unknown>
  purpose: string
  /** `shared`: beside others that change nothing of the environment either (a backup). Default `exclusive`. */
  lock?: 'exclusive' | 'shared'
  /** Observes and plans. Called before the plan is shown, and again under the lock. */
  prepare(signal: AbortSignal): Promise<Result<Prepared>>
  /** Makes durable what the plan relies on (generated keys, kept secrets), under the lock, before the first op. */
  beforeExecute?(prepared: Prepared): Promise<void>
  /**
   * How it deals with what a dead run left; other operations supersede it. Where it is given, the lock is taken even where nothing is
   * to be done and nobody has left anything.
   */
  recovers?: Settlement['how']
  /**
   * The services that it is about, where that is not all of the environment: of what dead runs left it supersedes only what was about
   * no others. Empty: it supersedes nothing.
   */
  covers?: readonly string[]
  /** The plan's operation, where done again it makes good what a dead run of the same did: that one is superseded too. */
  again?: string
  /** The services that it brings up: a resilient run that had left no others undone is superseded, too. */
  makesGood?: readonly string[]
  /** A failure takes down only what depends on it; the rest goes on, and what is left is remembered for `task resume`. */
  resilient?: boolean
  /** After a failure: the plan towards the state before, made from what is observed now. `ended`: how the ops of the failed plan ended. */
  goBack?(
    failure: Failure,
    prepared: Prepared,
    signal: AbortSignal,
    ended: ReadonlyMap<OpId, OpEnd>,
  ): Promise<Result<Plan>>
}

/** How the operation was asked for. */
export type OperationOptions = Consent & {
  dryRun: boolean
  /** An approved plan: only its ops may run. */
  approved?: Plan
  emit: Emit
  /** Keeps secrets out of output, messages and failures. */
  redact: ExecuteOptions['redact']
  signal: AbortSignal
}

/** How an operation ended. */
export type OperationResult = {
  outcome: Outcome
  plan?: Plan
  findings: Finding[]
  failures: Failure[]
  run?: string
  release?: number
  /** The release that was gone back to. */
  rolledBackTo?: number
  /** What became of each service, where a failure did not end everything. */
  partly?: Partly
}

/** An operation's result. */
export const ended = (outcome: Outcome, rest: Partial<OperationResult>): OperationResult => ({
  outcome,
  findings: [],
  failures: [],
  ...rest,
})

/** Why an approved plan is none for this command; undefined when it is. Ops alone do not say which environment they are for. */
export function foreignPlan(approved: Plan, plan: Plan): Failure | undefined {
  if (approved.operation === plan.operation && approved.environment === plan.environment) return undefined
  return {
    code: 'plan-of-another',
    message: `the approved plan is ${approved.operation} ${approved.environment}, not ${plan.operation} ${plan.environment}; nothing was changed`,
    outcome: 'unchanged',
    next: ['give --plan the file that --plan-out wrote for this command'],
  }
}

/** Why a plan made anew may not run in place of the approved one; undefined when it may. */
export function differenceFailure(difference: PlanDifference): Failure | undefined {
  if (isApproved(difference)) return undefined
  const parts = [
    difference.added.length > 0 ? `new: ${difference.added.join(', ')}` : '',
    difference.changed.length > 0 ? `changed: ${difference.changed.join(', ')}` : '',
  ]
  return {
    code: 'plan-changed',
    message: 'the plan is not the one that was shown any more; nothing was changed',
    why: parts.filter((part) => part !== '').join('; '),
    outcome: 'unchanged',
    next: ['run the command again to see the new plan'],
  }
}

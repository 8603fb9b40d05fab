import { failureInEnvironment } from '../log/environment-command.ts'
import type { Emit, OpEnd } from '../log/events.ts'
import { formatDuration } from '../model/duration.ts'
import { type Failure, FailureError, type Result } from '../model/failure.ts'
import type { Op, OpId } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Handlers, Lease, OpContext, OpResult, SecretSource } from '../model/platform.ts'
import { eitherSignal } from '../system/either-signal.ts'
import { type EffectStore, Effects } from './effects.ts'
import type { Journal } from './journal.ts'
import { defectOf, interruption, lostLock, OpFailure, timedOut, toldToEnd } from './op-failure.ts'
import { walkGraph } from './walk.ts'

/** What a plan is executed with. */
export type ExecuteOptions = {
  handlers: Handlers
  /** Every op's start is durable in it before anything is done, and its end before the next one starts. */
  journal: Journal
  emit: Emit
  /** Ends the execution early: a termination signal (its reason a `Termination`), a deadline of the whole. */
  signal: AbortSignal
  secrets: SecretSource
  /** Keeps secrets out of output, messages and failures. */
  redact: { text(text: string): string; value(value: unknown): unknown }
  /** The held lock; absent where the operation needs none. No op starts without proof that it is still ours. */
  lease?: Lease
  /** A failure ends only what waits for it; default is that it ends everything. */
  resilient?: boolean
  /** How many ops run at once; default 16: most of what an op does is to wait. */
  concurrency?: number
  /** Counts the plans of a run, from 1. */
  plan?: number
  /** Where the ends of ops without an observable effect are kept. */
  effects?: EffectStore
}

/** What came of a plan. */
export type Execution = {
  ended: Map<OpId, OpEnd>
  /** In the order in which they happened. An interruption or a lost lock is one too. Empty: all is done. */
  failures: Failure[]
}

/** A handler as the loop sees it: the op's kind says which one it is. */
type AnyHandler = {
  run(op: Op, context: OpContext): Promise<Result<OpResult>>
}

/** Ops whose failure is a warning: without a message sent or an old release removed, the services run as they should. */
const onlyWarns = (op: Op): boolean =>
  op.kind === 'send-notification' ||
  op.kind === 'prune-releases' ||
  op.kind === 'prune-backups' ||
  (op.kind === 'run-hook' && op.data.onError === 'warn')

/** Beyond an op's timeout, the lock must last until the op's children have been ended. */
const marginMs = 5_000
/** How often it is said that an op does not end. */
const patienceMs = 10_000

/**
 * Executes a plan: each op after those it waits for, with proof of the lock, a journal entry before it acts, a deadline, and an end in
 * the journal. On a failure the ops running beside it are aborted and waited for, unless it is resilient. Adds no op. What a handler throws is a defect, and
 * reported as the op's failure, since the state must be left consistent all the same.
 */
export async function executePlan(plan: Plan, options: ExecuteOptions): Promise<Execution> {
  const { handlers, journal, emit, lease, redact } = options
  const number = options.plan ?? 1
  const missing = plan.ops.find((op) => !handlers[op.kind])
  if (missing) throw new Error(`no handler for ${missing.kind} (${missing.id})`)

  const effects = new Effects(options.effects)
  const failures: Failure[] = []
  const ended = new Map<OpId, OpEnd>()
  /** Until when each running op may run, on the monotonic clock. */
  const deadlines = new Map<OpId, number>()
  const warn = (text: string) => emit({ type: 'message', level: 'warning', text: redact.text(text) })

  async function end(op: Op, how: OpEnd, durationMs: number, message?: string, failure?: Failure): Promise<void> {
    ended.set(op.id, how)
    const event = {
      type: 'op-ended' as const,
      op: op.id,
      plan: number,
      end: how,
      durationMs: Math.round(durationMs),
      ...(message === undefined ? {} : { message: redact.text(message) }),
      ...(failure ? { failure } : {}),
    }
    const unkept = await journal.record(event)
    emit(event)
    if (unkept) warn(`the end of ${op.id} is not in the journal: ${unkept.message}`)
  }

  /** The lock must outlast the longest of the ops that run, not only the one that starts. */
  async function proveLock(op: Op): Promise<void> {
    if (!lease) return
    const now = performance.now()
    deadlines.set(op.id, now + op.timeoutMs + marginMs)
    const needMs = Math.max(...deadlines.values()) - now
    if (!(await lease.prove(needMs))) throw new OpFailure(lostLock(lease))
  }

  /** Runs the handler with a signal that is also aborted at the op's deadline, and waits for its end, however long that takes. */
  async function act(op: Op, signal: AbortSignal): Promise<OpResult> {
    const handler = handlers[op.kind] as AnyHandler
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), op.timeoutMs)
    const { signal: both, dispose } = eitherSignal(signal, deadline.signal)
    let insist: NodeJS.Timeout | undefined
    const sayThatItLingers = () => {
      const told = performance.now()
      insist = setInterval(
        () => warn(`${op.id} was told to end ${formatDuration(performance.now() - told)} ago and has not yet`),
        patienceMs,
      )
    }
    both.addEventListener('abort', sayThatItLingers, { once: true })
    const context: OpContext = {
      signal: both,
      run: journal.run,
      secrets: options.secrets,
      output(line) {
        const clean = redact.text(line)
        journal.log(op.id, clean)
        emit({ type: 'op-output', op: op.id, line: clean })
      },
    }
    try {
      const result = await handler.run(op, context)
      if (result.ok) return result.value
      throw new FailureError(...result.failures)
    } catch (error) {
      const expected = error instanceof FailureError
      if (deadline.signal.aborted) throw new OpFailure(timedOut(op, expected ? error.failures : []))
      if (expected) throw new OpFailure(error.failures as [Failure, ...Failure[]])
      throw new OpFailure(signal.aborted ? toldToEnd(error) : [defectOf(op, error)])
    } finally {
      clearTimeout(timer)
      clearInterval(insist)
      both.removeEventListener('abort', sayThatItLingers)
      dispose()
      await journal.endLog(op.id)
    }
  }

  async function runOp(op: Op, signal: AbortSignal): Promise<void> {
    const before = await effects.before(op)
    if (before.skip) {
      if (before.doubt) warn(before.doubt)
      return await end(op, before.doubt ? 'warned' : 'present', 0, before.doubt)
    }
    const unkept = await journal.record({ type: 'op-started', op, plan: number })
    if (unkept) throw new OpFailure([unkept])
    emit({ type: 'op-started', op, plan: number })
    const started = performance.now()
    const since = () => performance.now() - started
    try {
      await effects.begin(op)
      const { message } = await act(op, signal)
      await effects.end(op, 'done').catch((error: Error) => warn(`how ${op.id} ended was not kept: ${error.message}`))
      await end(op, 'done', since(), message)
    } catch (error) {
      const [failure] = clean(op, error)
      if (signal.aborted) {
        await end(op, 'aborted', since(), undefined, failure)
        throw error
      }
      await effects.end(op, 'failed').catch(() => {})
      const tolerated = onlyWarns(op)
      await end(op, tolerated ? 'warned' : 'failed', since(), tolerated ? failure.message : undefined, failure)
      if (!tolerated) throw error
    }
  }

  /** An op's failures as they may be shown: with the op, without secrets. */
  function clean(op: Op, error: unknown): [Failure, ...Failure[]] {
    const found = error instanceof OpFailure ? error.failures : [defectOf(op, error)]
    const about = { op: op.id, ...(op.service ? { service: op.service } : {}) }
    return found.map((failure) =>
      failureInEnvironment(redact.value({ ...about, ...failure }) as Failure, plan.environment),
    ) as [Failure, ...Failure[]]
  }

  const isDone = (op: Op) => ['done', 'present', 'warned'].includes(ended.get(op.id) ?? '')
  const ending = eitherSignal(options.signal, ...(lease ? [lease.lost] : []))
  const walked = await walkGraph(
    plan.ops.map((op) => ({ id: op.id, after: op.after, ...(op.afterEnd && { afterEnd: op.afterEnd }), node: op })),
    {
      concurrency: options.concurrency ?? 16,
      mode: options.resilient ? 'continue' : 'fail-fast',
      signal: ending.signal,
      async run(op, walkSignal) {
        try {
          await proveLock(op)
          await runOp(op, walkSignal)
        } catch (error) {
          if (!walkSignal.aborted || ended.get(op.id) === 'failed') failures.push(...clean(op, error))
          throw error
        } finally {
          deadlines.delete(op.id)
        }
      },
    },
  )
  ending.dispose()
  if (failures.length === 0) {
    if (lease?.lost.aborted) failures.push(...lostLock(lease))
    else if (options.signal.aborted && !plan.ops.every(isDone)) failures.push(interruption(options.signal.reason))
  }
  for (const op of plan.ops) {
    if (ended.has(op.id)) continue
    const how = walked.get(op.id)
    await end(op, 'skipped', 0, how?.state === 'skipped' && how.because ? `because of ${how.because}` : undefined)
  }
  return { ended, failures }
}

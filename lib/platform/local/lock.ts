import { join } from 'node:path'
import { type Milliseconds, parseDuration } from '../../model/duration.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Holder, LockPort } from '../../model/platform.ts'
import { systemClock } from '../../system/clock.ts'
import { interrupted, locked, lockTtlVariable, watching } from '../lock-failures.ts'
import { conflicts, ownHolder } from '../lock-holder.ts'
import { LockFiles, type Ticket, type TicketWish } from './lock-files.ts'
import { LocalLease } from './lock-lease.ts'
import { isComparable, lifeOf, monotonicMs, ownStanding } from './lock-liveness.ts'

/** What a lock is made of. */
export type LocalLockOptions = {
  /** The workspace's `.ops` folder. */
  ops: string
  environment: string
  /** Told when it takes longer than a moment: that a silent holder is being watched, and for how long. */
  say?(text: string): void
  /** For how long a sign of life is good; default 15 s, or what OPS_LOCK_TTL says. */
  ttlMs?: Milliseconds
}

/** How many ended tickets are kept, at least, behind the newest. */
const keptTickets = 16
/** How long a ticket that is not granted yet is waited for. */
const decisionMs = 1_000

/** What a look at the tickets before ours gives. */
type Verdict =
  | { kind: 'free'; over: number[] }
  | { kind: 'held'; ticket: Ticket; silentMs: number }
  | { kind: 'silent'; ticket: Ticket | undefined; leftMs: number }
  | { kind: 'undecided'; ticket: Ticket }

/**
 * The lock of an environment as files below `.ops/locks/<environment>`: see docs/locks.md for how it works and what it promises.
 */
export function localLock(options: LocalLockOptions): LockPort {
  const ttlMs = options.ttlMs ?? parseDuration(process.env[lockTtlVariable] ?? '') ?? 15_000
  const files = new LockFiles(join(options.ops, 'locks', options.environment))
  return {
    async acquire(request) {
      const standing = await ownStanding()
      const holder = ownHolder(request)
      try {
        return await new Attempt(files, options, { mode: request.mode, holder, standing, ttlMs }, request.signal).run()
      } catch (error) {
        if (error instanceof FailureError) return failed(...(error.failures as [Failure, ...Failure[]]))
        throw error
      }
    },

    async inspect() {
      const standing = await ownStanding()
      const { numbers, ended } = await files.scan()
      for (const number of numbers) {
        if (ended.has(number)) continue
        const ticket = await files.ticket(number)
        if (ticket === undefined || ticket === 'unreadable' || !(await files.beat(number, ticket)).held) continue
        if ((await lifeOf(standing, ticket.standing)) !== 'dead') return ticket.holder
      }
      return undefined
    },
  }
}

/** One attempt to get the lock. */
class Attempt {
  readonly #files: LockFiles
  readonly #options: LocalLockOptions
  readonly #ticket: TicketWish
  readonly #signal: AbortSignal
  /** What was seen of silent holders whose clock is not ours: which beat, since when by our clock. */
  readonly #seen = new Map<number, { beat: number; since: number }>()
  readonly #watched = new Set<number>()
  #lease: LocalLease | undefined
  #undecidedSince: number | undefined

  constructor(files: LockFiles, options: LocalLockOptions, ticket: TicketWish, signal: AbortSignal) {
    this.#files = files
    this.#options = options
    this.#ticket = ticket
    this.#signal = signal
  }

  /** Looks, waits where a holder is silent, queues, and looks again: granted when nobody before it is left. */
  async run(): Promise<Result<{ lease: LocalLease; takenFrom: Holder[] }>> {
    try {
      for (;;) {
        if (this.#signal.aborted) return await this.#giveUp(interrupted(this.#options.environment))
        const verdict = await this.#judge()
        switch (verdict.kind) {
          case 'held':
            return await this.#giveUp(locked(this.#options.environment, verdict.ticket, verdict.silentMs))
          case 'undecided':
            this.#undecidedSince ??= monotonicMs()
            if (monotonicMs() - this.#undecidedSince > decisionMs) {
              return await this.#giveUp(locked(this.#options.environment, verdict.ticket, 0))
            }
            await this.#pause(20)
            break
          case 'silent':
            await this.#pause(Math.min(verdict.leftMs, this.#ticket.ttlMs / 10, 1_000))
            break
          case 'free': {
            if (!this.#lease) await this.#queue()
            else if (verdict.over.length > 0) await this.#takeOver(verdict.over)
            else return await this.#granted(this.#lease)
          }
        }
      }
    } catch (error) {
      await this.#lease?.withdraw().catch(() => {})
      throw error
    }
  }

  async #queue(): Promise<void> {
    this.#lease = new LocalLease(this.#files, this.#ticket, await this.#files.take(this.#ticket))
  }

  async #giveUp(failure: Failure): Promise<Result<never>> {
    await this.#lease?.withdraw()
    return failed(failure)
  }

  async #pause(ms: Milliseconds): Promise<void> {
    await systemClock.sleep(Math.max(ms, 1), this.#signal).catch(() => {})
  }

  /** What stands before us, the oldest first: the first that lives decides. */
  async #judge(): Promise<Verdict> {
    const { numbers, ended } = await this.#files.scan()
    const limit = this.#lease?.number ?? Number.POSITIVE_INFINITY
    const over: number[] = []
    for (const number of numbers) {
      if (number >= limit || ended.has(number)) continue
      const verdict = await this.#judgeOne(number)
      if (verdict === 'over') over.push(number)
      else if (verdict) return verdict
    }
    return { kind: 'free', over }
  }

  async #judgeOne(number: number): Promise<Verdict | 'over' | undefined> {
    // Before the files are read: a beat that comes later must be seen, not outrun.
    const now = monotonicMs()
    const ticket = await this.#files.ticket(number)
    if (ticket === undefined) return undefined
    if (ticket === 'unreadable') return this.#watch(number, undefined, 0, this.#ticket.ttlMs, now)
    if (!conflicts(ticket, this.#ticket)) return undefined
    if ((await lifeOf(this.#ticket.standing, ticket.standing)) === 'dead') return 'over'
    const beat = await this.#files.beat(number, ticket)
    const live = (silentMs: number): Verdict =>
      beat.held ? { kind: 'held', ticket, silentMs } : { kind: 'undecided', ticket }
    if (isComparable(this.#ticket.standing, ticket.standing)) {
      const silentMs = now - beat.monotonicMs
      return silentMs >= beat.ttlMs ? 'over' : live(silentMs)
    }
    const seen = this.#seen.get(number)
    if (seen && seen.beat !== beat.beat) return live(0)
    const age = Date.now() - Date.parse(beat.at)
    if (!seen && age >= 0 && age < beat.ttlMs) return live(age)
    return this.#watch(number, ticket, beat.beat, beat.ttlMs, now)
  }

  /** Watches a silent owner by our own clock: over when the same beat has been there for its whole time to live. */
  #watch(number: number, ticket: Ticket | undefined, beat: number, ttlMs: number, now: number): Verdict | 'over' {
    const seen = this.#seen.get(number)
    if (!seen) {
      this.#seen.set(number, { beat, since: monotonicMs() })
      if (ttlMs > 1_000 && !this.#watched.has(number)) {
        this.#watched.add(number)
        this.#options.say?.(watching(this.#options.environment, ticket?.holder, ttlMs))
      }
      return { kind: 'silent', ticket, leftMs: ttlMs }
    }
    const leftMs = seen.since + ttlMs - now
    return leftMs <= 0 ? 'over' : { kind: 'silent', ticket, leftMs }
  }

  async #takeOver(numbers: number[]): Promise<void> {
    for (const number of numbers) {
      await this.#files.end(number, { how: 'taken', run: this.#ticket.holder.run, at: new Date().toISOString() })
    }
  }

  async #granted(lease: LocalLease): Promise<Result<{ lease: LocalLease; takenFrom: Holder[] }>> {
    const { takenFrom, settled } = await this.#inheritance(lease.number)
    // Somebody has taken us for dead while we waited: then it is theirs.
    if (!(await lease.grant())) return failed(...((lease.lost.reason as FailureError).failures as [Failure]))
    await this.#prune(lease.number, settled)
    return ok({ lease, takenFrom })
  }

  /**
   * Whose work was left: all holders that were taken over since an exclusive one gave the lock back (its number is `settled`). A taker
   * that died, or that was not granted the lock in the end, has not ended their work.
   */
  async #inheritance(own: number): Promise<{ takenFrom: Holder[]; settled: number }> {
    const { numbers } = await this.#files.scan()
    const takenFrom: Holder[] = []
    for (const number of numbers.filter((other) => other < own).reverse()) {
      const end = await this.#files.ended(number)
      const ticket = await this.#files.ticket(number)
      if (ticket === undefined || ticket === 'unreadable') continue
      if (end?.how === 'released' && ticket.mode === 'exclusive') return { takenFrom, settled: number }
      if (end?.how === 'taken' && (await this.#files.beat(number, ticket)).held) takenFrom.unshift(ticket.holder)
    }
    return { takenFrom, settled: 0 }
  }

  /** What lies before an exclusive lock that was given back has all ended: otherwise that one had not been granted. */
  async #prune(own: number, settled: number): Promise<void> {
    const upTo = Math.min(own - keptTickets, settled)
    if (upTo > 0) await this.#files.prune(upTo)
  }
}

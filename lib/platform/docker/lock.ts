import { type Milliseconds, parseDuration } from '../../model/duration.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Holder, LockPort } from '../../model/platform.ts'
import { systemClock } from '../../system/clock.ts'
import { isComparable, lifeOf, monotonicMs, ownStanding } from '../local/lock-liveness.ts'
import { interrupted, locked, lockTtlVariable, takenOver, watching } from '../lock-failures.ts'
import { conflicts, ownHolder } from '../lock-holder.ts'
import type { Engine } from './engine.ts'
import { DockerLease } from './lock-lease.ts'
import { type Kept, type Ticket, Tickets, type Wish } from './lock-tickets.ts'
import type { Owner } from './names.ts'

/** What a lock on an engine is made of. */
export type DockerLockOptions = {
  engine: Engine
  owner: Owner
  /** Told when it takes longer than a moment: that a silent holder is being watched, and for how long. */
  say?(text: string): void
  /** For how long a sign of life is good; default 15 s, or what OPS_LOCK_TTL says. */
  ttlMs?: Milliseconds
}

/** How long a ticket that is not granted yet is waited for. */
const decisionMs = 3_000
/** How often a ticket that somebody has pruned while it queued is taken again. */
const turns = 10

/** A ticket that is passed over, whose work is left to us. */
type Over = { ticket: Ticket; inherits: Holder[] }

/** What a look at the tickets before ours gives. */
type Verdict =
  | { kind: 'free'; over: Over[] }
  | { kind: 'held'; said: Wish; silentMs: number }
  | { kind: 'undecided'; said: Wish }
  | { kind: 'silent'; leftMs: number }

/** The lock of an environment as containers on its engine: see docs/locks.md for how it works and what it promises. */
export function dockerLock(options: DockerLockOptions): LockPort {
  const ttlMs = options.ttlMs ?? parseDuration(process.env[lockTtlVariable] ?? '') ?? 15_000
  const tickets = new Tickets(options.engine, options.owner)
  return {
    async acquire(request) {
      const holder = ownHolder(request)
      const wish: Wish = { mode: request.mode, holder, standing: await ownStanding(), ttlMs }
      try {
        for (let turn = 0; turn < turns; turn += 1) {
          const result = await new Attempt(tickets, options, wish, request.signal).run()
          if (result !== 'pruned') return result
        }
        return failed(pruned(options.owner.environment))
      } catch (error) {
        if (error instanceof FailureError) return failed(...(error.failures as [Failure, ...Failure[]]))
        throw error
      }
    },

    async inspect() {
      const standing = await ownStanding()
      for (const { granted, said } of await tickets.scan()) {
        if (granted && said && (await lifeOf(standing, said.standing)) !== 'dead') return said.holder
      }
      return undefined
    },
  }
}

type Acquired = { lease: DockerLease; takenFrom: Holder[] }

/** One attempt to get the lock. */
class Attempt {
  readonly #tickets: Tickets
  readonly #options: DockerLockOptions
  readonly #wish: Wish
  readonly #signal: AbortSignal
  /** What was seen of silent holders whose clock is not ours: which beat, since when by our clock. */
  readonly #seen = new Map<string, { beat: number; since: number }>()
  #lease: DockerLease | undefined
  #undecidedSince: number | undefined

  constructor(tickets: Tickets, options: DockerLockOptions, wish: Wish, signal: AbortSignal) {
    this.#tickets = tickets
    this.#options = options
    this.#wish = wish
    this.#signal = signal
  }

  /** Looks, waits where a holder is silent, queues, and looks again: granted when nobody before it is left. */
  async run(): Promise<Result<Acquired> | 'pruned'> {
    const { environment } = this.#options.owner
    try {
      for (;;) {
        if (this.#signal.aborted) return await this.#giveUp(interrupted(environment))
        const verdict = await this.#judge()
        switch (verdict.kind) {
          case 'held':
            return await this.#giveUp(locked(environment, verdict.said, verdict.silentMs))
          case 'undecided':
            this.#undecidedSince ??= monotonicMs()
            if (monotonicMs() - this.#undecidedSince > decisionMs) {
              return await this.#giveUp(locked(environment, verdict.said, 0))
            }
            await this.#pause(50)
            break
          case 'silent':
            await this.#pause(Math.min(verdict.leftMs, this.#wish.ttlMs / 10, 1_000))
            break
          case 'free':
            if (this.#lease) return await this.#granted(this.#lease, verdict.over)
            this.#lease = new DockerLease(this.#tickets, this.#wish, await this.#tickets.take(this.#wish))
        }
      }
    } catch (error) {
      await this.#lease?.withdraw().catch(() => {})
      throw error
    }
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
    const over: Over[] = []
    for (const ticket of await this.#tickets.scan()) {
      if (this.#lease && ticket.number >= this.#lease.number) break
      const verdict = await this.#judgeOne(ticket)
      if (verdict && 'ticket' in verdict) over.push(verdict)
      else if (verdict) return verdict
    }
    return { kind: 'free', over }
  }

  async #judgeOne(ticket: Ticket): Promise<Verdict | Over | undefined> {
    const { said, granted, id } = ticket
    if (said && !conflicts(said, this.#wish)) return undefined
    // Before it is read: a beat that comes later must be seen, not outrun.
    const now = monotonicMs()
    const beat = await this.#tickets.kept(ticket)
    if (beat === undefined) return undefined
    if (!said) return this.#watch(ticket, { ...beat, ttlMs: this.#wish.ttlMs }, now)
    if ((await lifeOf(this.#wish.standing, said.standing)) === 'dead') return { ticket, inherits: beat.inherits }
    const live = (silentMs: number): Verdict =>
      granted ? { kind: 'held', said, silentMs } : { kind: 'undecided', said }
    if (isComparable(this.#wish.standing, said.standing)) {
      const silentMs = now - beat.monotonicMs
      return silentMs >= beat.ttlMs ? { ticket, inherits: beat.inherits } : live(silentMs)
    }
    const seen = this.#seen.get(id)
    if (seen && seen.beat !== beat.beat) return live(0)
    const age = Date.now() - Date.parse(beat.at)
    if (!seen && age >= 0 && age < beat.ttlMs) return live(age)
    return this.#watch(ticket, beat, now)
  }

  /** Watches a silent owner by our own clock: over when the same beat has been there for its whole time to live. */
  #watch(ticket: Ticket, { beat, ttlMs, inherits }: Kept, now: number): Verdict | Over {
    const seen = this.#seen.get(ticket.id)
    if (!seen) {
      this.#seen.set(ticket.id, { beat, since: monotonicMs() })
      if (ttlMs > 1_000) {
        this.#options.say?.(watching(this.#options.owner.environment, ticket.said?.holder, ttlMs))
      }
      return { kind: 'silent', leftMs: ttlMs }
    }
    const leftMs = seen.since + ttlMs - now
    return leftMs <= 0 ? { ticket, inherits } : { kind: 'silent', leftMs }
  }

  /** The work that is left is written down with our ticket, then the lock is ours, then the old tickets go: so none of it is ever forgotten. */
  async #granted(lease: DockerLease, over: Over[]): Promise<Result<Acquired> | 'pruned'> {
    const takenFrom = workLeft(over)
    if (!(await lease.grant(takenFrom))) {
      await lease.withdraw()
      return 'pruned'
    }
    for (const { ticket } of over) await this.#tickets.remove(ticket.id)
    // A start that took very long may have outlived our own ticket.
    if (!(await lease.prove(0))) {
      await this.#tickets.remove(lease.id)
      return failed((lease.lost.reason as FailureError | undefined)?.failures[0] ?? takenOver('unknown'))
    }
    return ok({ lease, takenFrom })
  }
}

/** Whose work was left by tickets that are passed over, the oldest first, each once. */
function workLeft(over: Over[]): Holder[] {
  const holders = new Map<string, Holder>()
  for (const { ticket, inherits } of over) {
    const own = ticket.granted && ticket.said ? [ticket.said.holder] : []
    for (const holder of [...inherits, ...own]) holders.set(`${holder.run} ${holder.host} ${holder.pid}`, holder)
  }
  return [...holders.values()]
}

const pruned = (environment: string): Failure => ({
  code: 'lock-pruned',
  message: `what asks for the lock of ${environment} is removed from the engine each time before the lock is granted`,
  why: 'something prunes containers there again and again',
  outcome: 'unchanged',
  next: ['the same command again when that has ended'],
})

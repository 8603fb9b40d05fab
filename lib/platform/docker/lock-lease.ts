import { setMaxListeners } from 'node:events'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { Holder, Lease } from '../../model/platform.ts'
import { lifeOf, monotonicMs } from '../local/lock-liveness.ts'
import { cannotRenew, takenOver } from '../lock-failures.ts'
import { conflicts } from '../lock-holder.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { Ticket, Tickets, Wish } from './lock-tickets.ts'

/** To where the time to live grows on an engine that is slow. */
const longestTtlMs = 120_000

/**
 * A ticket on the engine that is kept alive by a beat at every third of its time to live. While the last beat has not expired by our own clock,
 * nobody may take the lock over, so a proof within that time asks nobody. It is lost when its container is gone, and when it cannot be renewed.
 */
export class DockerLease implements Lease {
  readonly holder: Holder
  readonly lost: AbortSignal
  readonly #tickets: Tickets
  #wish: Wish
  readonly #loss = new AbortController()
  #id: string
  #number: number
  #beat = 0
  #granted = false
  #inherits: Holder[] = []
  /** When the last beat was begun, and for how long it is good. */
  #beatAt: number
  #ttlMs: number
  #needUntil = 0
  #timer: NodeJS.Timeout | undefined
  /** One thing at a time: the timer, proofs and the release all write. */
  readonly #inTurn = oneAtATime()
  #over = false

  constructor(tickets: Tickets, wish: Wish, taken: { id: string; number: number; takenAt: number }) {
    this.#tickets = tickets
    this.#wish = wish
    this.#id = taken.id
    this.#number = taken.number
    this.#beatAt = taken.takenAt
    this.#ttlMs = wish.ttlMs
    this.holder = wish.holder
    this.lost = this.#loss.signal
    setMaxListeners(0, this.lost)
    // The event loop must not be kept going by a lock that nobody uses any more.
    this.#timer = setInterval(() => void this.#tick(), wish.ttlMs / 3).unref()
  }

  get id(): string {
    return this.#id
  }

  get number(): number {
    return this.#number
  }

  /**
   * The lock is granted, with the work that others have left: that is written first, so that whoever takes over from us learns of it too. False
   * when the ticket is gone, which anybody may remove before it is granted.
   */
  async grant(inherits: Holder[]): Promise<boolean> {
    return this.#inTurn(async () => {
      this.#inherits = inherits
      if (inherits.length > 0 && !(await this.#tickets.writeInherits(this.#id, inherits))) return false
      if (!(await this.#tickets.grant(this.#id))) return false
      this.#granted = true
      return true
    })
  }

  async prove(needMs: number): Promise<boolean> {
    this.#needUntil = monotonicMs() + needMs
    if (!this.#over && !this.lost.aborted && this.#leftMs(monotonicMs()) >= needMs) return true
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        // The latest word counts, since what an earlier op needed may be over; but only when its turn has come.
        this.#needUntil = monotonicMs() + needMs
        if (!(await this.#renew())) return false
        if (this.#leftMs(monotonicMs()) >= needMs) return true
      }
      return false
    }).catch((error) => {
      // It may still be ours, but that cannot be proved.
      if (!(error instanceof FailureError)) throw error
      return this.#lose(cannotRenew(error.failures[0] as Failure))
    })
  }

  /** Where the engine does not answer, the end of this process is what others will see. */
  async release(): Promise<void> {
    await this.withdraw().catch((error) => {
      if (!(error instanceof FailureError)) throw error
    })
  }

  /** Takes the ticket back. */
  async withdraw(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#over || this.lost.aborted) return
      this.#stop()
      await this.#tickets.remove(this.#id)
    })
  }

  async #tick(): Promise<void> {
    await this.#inTurn(() => this.#renew()).catch((error) => {
      if (!(error instanceof FailureError)) throw error
      // The engine may answer again in time.
      if (this.#leftMs(monotonicMs()) <= 0) this.#lose(cannotRenew(error.failures[0] as Failure))
    })
  }

  #leftMs(now: number): number {
    return this.#beatAt + this.#ttlMs - now
  }

  /**
   * Writes a beat. Others may take the lock over from the moment the last beat has expired: so a beat only counts when it was written before
   * that, and later only a new ticket decides.
   */
  async #renew(): Promise<boolean> {
    if (this.#over || this.lost.aborted) return false
    const begun = monotonicMs()
    if (this.#leftMs(begun) <= 0) return this.#reclaim()
    const ttlMs = Math.max(this.#wish.ttlMs, this.#needUntil - begun + this.#wish.ttlMs / 2)
    if (!(await this.#write(begun, ttlMs))) return this.#lose(await this.#gone())
    if (this.#leftMs(monotonicMs()) <= 0) return this.#reclaim()
    this.#beatAt = begun
    this.#ttlMs = ttlMs
    return true
  }

  #write(begun: number, ttlMs: number): Promise<boolean> {
    this.#beat += 1
    return this.#tickets.writeBeat(this.#id, {
      beat: this.#beat,
      ttlMs,
      monotonicMs: begun,
      at: new Date().toISOString(),
    })
  }

  /**
   * This process was stopped or starved beyond the expiry. It queues again; the lock is still ours if nobody has taken it or is about to: its old
   * ticket is there, and no other one stands before the new one.
   */
  async #reclaim(): Promise<boolean> {
    const old = this.#id
    // Where the engine is so slow that a beat comes too late, it would come too late for ever.
    const { ttlMs } = this.#wish
    this.#wish = { ...this.#wish, ttlMs: Math.max(ttlMs, Math.min(2 * ttlMs, longestTtlMs)) }
    if (!(await this.#tickets.exists(old))) return this.#lose(await this.#gone())
    const taken = await this.#tickets.take(this.#wish)
    const before = (await this.#tickets.scan()).filter(({ number }) => number < taken.number)
    const rival = await this.#rival(before.filter(({ id }) => id !== old))
    if (rival !== undefined || !before.some(({ id }) => id === old)) {
      await this.#tickets.remove(taken.id)
      return this.#lose(rival === undefined ? await this.#gone() : takenOver(rival))
    }
    this.#id = taken.id
    const kept = this.#inherits.length === 0 || (await this.#tickets.writeInherits(taken.id, this.#inherits))
    if (!kept || (this.#granted && !(await this.#tickets.grant(taken.id)))) {
      // Removed by who prunes what does not run: the old ticket is there, and the next beat tries again.
      this.#id = old
      return false
    }
    await this.#tickets.remove(old)
    this.#number = taken.number
    this.#beatAt = taken.takenAt
    this.#ttlMs = this.#wish.ttlMs
    return this.#renew()
  }

  /** The run of a live ticket that is about to take the lock over. */
  async #rival(before: Ticket[]): Promise<string | undefined> {
    for (const { said } of before) {
      if (!said || !conflicts(said, this.#wish)) continue
      if ((await lifeOf(this.#wish.standing, said.standing)) !== 'dead') return said.holder.run
    }
    return undefined
  }

  /** Why our ticket is not there any more: whoever stands in the queue now has taken it over, or somebody has removed it. */
  async #gone(): Promise<Failure> {
    const other = (await this.#tickets.scan()).find(({ said }) => said && conflicts(said, this.#wish))
    return other?.said ? takenOver(other.said.holder.run) : removed
  }

  #lose(failure: Failure): false {
    this.#stop()
    if (!this.lost.aborted) this.#loss.abort(new FailureError(failure))
    return false
  }

  #stop(): void {
    this.#over = true
    clearInterval(this.#timer)
  }
}

const removed: Failure = {
  code: 'lock-lost',
  message:
    'the container that is the lock was removed from the engine, so another run may hold the lock now; this one stops',
  outcome: 'unfinished',
  next: ['task runs'],
}

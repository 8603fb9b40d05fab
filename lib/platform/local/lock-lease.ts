import { setMaxListeners } from 'node:events'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { Holder, Lease } from '../../model/platform.ts'
import { cannotRenew, takenOver } from '../lock-failures.ts'
import { conflicts } from '../lock-holder.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { LockFiles, TicketWish } from './lock-files.ts'
import { lifeOf, monotonicMs } from './lock-liveness.ts'

/**
 * A ticket that is kept alive: a beat at once, then one at every third of its time to live. `grant` makes it a held lock. It is lost
 * when somebody else has ended it (taken it over), and when its files are gone.
 */
export class LocalLease implements Lease {
  readonly holder: Holder
  readonly lost: AbortSignal
  readonly #files: LockFiles
  readonly #ticket: TicketWish
  readonly #loss = new AbortController()
  #number: number
  #beat = 0
  #held = false
  /** When the last beat was begun, and for how long it is good. */
  #beatAt: number
  #ttlMs: number
  #needUntil = 0
  #timer: NodeJS.Timeout | undefined
  /** One thing at a time: the timer, proofs and the release all write. */
  readonly #inTurn = oneAtATime()
  #over = false

  constructor(files: LockFiles, ticket: TicketWish, { number, takenAt }: { number: number; takenAt: number }) {
    this.#files = files
    this.#ticket = ticket
    this.#number = number
    this.#beatAt = takenAt
    this.#ttlMs = ticket.ttlMs
    this.holder = ticket.holder
    this.lost = this.#loss.signal
    setMaxListeners(0, this.lost)
    // The event loop must not be kept going by a lock that nobody uses any more.
    this.#timer = setInterval(() => void this.#inTurn(() => this.#renew()).catch(() => {}), ticket.ttlMs / 3).unref()
  }

  get number(): number {
    return this.#number
  }

  /** The lock is granted: from now on it counts as held, and others take it over only with what was left working. */
  async grant(): Promise<boolean> {
    this.#held = true
    return this.#inTurn(() => this.#renew())
  }

  async prove(needMs: number): Promise<boolean> {
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        // The latest word counts, since what an earlier op needed may be over; but only when its turn has come: a proof that waits must
        // not change what the one before it asks for.
        this.#needUntil = monotonicMs() + needMs
        if (!(await this.#renew())) return false
        if (this.#beatAt + this.#ttlMs - monotonicMs() >= needMs) return true
      }
      return false
    }).catch((error) => {
      // It may still be ours, but that cannot be proved.
      if (!(error instanceof FailureError)) throw error
      this.#lose(cannotRenew(error.failures[0] as Failure))
      return false
    })
  }

  /** Where the end cannot be written (disk full), the end of this process is what others will see. */
  async release(): Promise<void> {
    await this.#finish('released').catch((error) => {
      if (!(error instanceof FailureError)) throw error
    })
  }

  /** Takes back a ticket that was not granted. */
  async withdraw(): Promise<void> {
    await this.#finish('withdrawn')
  }

  async #finish(how: 'released' | 'withdrawn'): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#over || this.lost.aborted) return
      this.#stop()
      await this.#files.end(this.#number, this.#end(how))
    })
  }

  /**
   * Writes a beat, if the lock is still ours. Others may take it over from the moment the last beat has expired: so a beat only counts
   * when it was written before that, and later only a new ticket decides.
   */
  async #renew(): Promise<boolean> {
    if (this.#over || this.lost.aborted) return false
    const begun = monotonicMs()
    if (this.#hasExpired(begun)) return this.#reclaim()
    if (!(await this.#isOurs())) return false
    const ttlMs = Math.max(this.#ticket.ttlMs, this.#needUntil - begun + this.#ticket.ttlMs / 2)
    await this.#writeBeat(begun, ttlMs)
    if (this.#hasExpired(monotonicMs())) return this.#reclaim()
    this.#beatAt = begun
    this.#ttlMs = ttlMs
    return this.#isOurs()
  }

  #hasExpired(now: number): boolean {
    return now - this.#beatAt >= this.#ttlMs
  }

  async #writeBeat(begun: number, ttlMs: number): Promise<void> {
    this.#beat += 1
    await this.#files.writeBeat(this.#number, {
      beat: this.#beat,
      ttlMs,
      held: this.#held,
      monotonicMs: begun,
      at: new Date().toISOString(),
    })
  }

  async #isOurs(): Promise<boolean> {
    const end = await this.#files.ended(this.#number)
    if (end) return this.#lose(takenOver(end.run))
    if ((await this.#files.ticket(this.#number)) === undefined) return this.#lose(filesGone(this.#files.folder))
    return true
  }

  /**
   * This process was stopped or starved beyond the expiry. It queues again; the lock is still ours if nobody has taken it or is about
   * to, which is decided by who ends the old ticket.
   */
  async #reclaim(): Promise<boolean> {
    if (!(await this.#isOurs())) return false
    const old = this.#number
    const { number, takenAt } = await this.#files.take(this.#ticket)
    const rival = await this.#rivalBelow(number)
    if (rival || !(await this.#files.end(old, this.#end('renewed')))) {
      await this.#files.end(number, this.#end('withdrawn'))
      return this.#lose(takenOver(rival ?? (await this.#files.ended(old))?.run ?? 'unknown'))
    }
    this.#number = number
    this.#beatAt = takenAt
    this.#ttlMs = this.#ticket.ttlMs
    return this.#renew()
  }

  /** The run of a live ticket that is about to take the lock over. */
  async #rivalBelow(number: number): Promise<string | undefined> {
    const { numbers, ended } = await this.#files.scan()
    for (const other of numbers) {
      if (other >= number || other === this.#number || ended.has(other)) continue
      const ticket = await this.#files.ticket(other)
      if (ticket === undefined || ticket === 'unreadable' || !conflicts(ticket, this.#ticket)) continue
      if ((await lifeOf(this.#ticket.standing, ticket.standing)) !== 'dead') return ticket.holder.run
    }
    return undefined
  }

  #end(how: 'released' | 'withdrawn' | 'renewed') {
    return { how, run: this.holder.run, at: new Date().toISOString() }
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

const filesGone = (folder: string): Failure => ({
  code: 'lock-lost',
  message: `the files of the lock (${folder}) were deleted, so another run may hold it now; this one stops`,
  outcome: 'unfinished',
  next: ['task runs'],
})

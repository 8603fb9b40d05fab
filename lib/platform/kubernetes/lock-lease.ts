import { setMaxListeners } from 'node:events'
import type { Milliseconds } from '../../model/duration.ts'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { Holder, Lease } from '../../model/platform.ts'
import { monotonicMs } from '../local/lock-liveness.ts'
import { cannotRenew, takenOver } from '../lock-failures.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { LeaseEntry } from './lease-entry.ts'
import { type LeaseObject, leasePath, noteOf, readLease } from './lease-object.ts'
import { putObject, type RecordPlace } from './records.ts'

/** How often what others who share the Lease have written is written over again. */
const attempts = 20

/** A held Lease: renewed at every third of its time to live, lost when somebody else is written in it or when it cannot be renewed in time. */
export class KubernetesLease implements Lease {
  readonly holder: Holder
  readonly lost: AbortSignal
  readonly #place: RecordPlace
  readonly #entry: LeaseEntry
  readonly #ttlMs: Milliseconds
  readonly #loss = new AbortController()
  #lease: LeaseObject
  /** When the last renewal was begun, and for how long it is good, by our own clock. */
  #renewedAt: Milliseconds
  #goodFor: Milliseconds
  #needUntil = 0
  #timer: NodeJS.Timeout
  /** One thing at a time: the timer, proofs and the release all write. */
  readonly #inTurn = oneAtATime()
  #over = false

  constructor(
    place: RecordPlace,
    lease: LeaseObject,
    {
      holder,
      entry,
      ttlMs,
      takenAt,
    }: { holder: Holder; entry: LeaseEntry; ttlMs: Milliseconds; takenAt: Milliseconds },
  ) {
    this.#place = place
    this.#entry = entry
    this.#lease = lease
    this.#ttlMs = ttlMs
    this.#renewedAt = takenAt
    this.#goodFor = Math.max(1, Math.ceil(ttlMs / 1000)) * 1000
    this.holder = holder
    this.lost = this.#loss.signal
    setMaxListeners(0, this.lost)
    // The event loop must not be kept going by a lock that nobody uses any more.
    this.#timer = setInterval(() => void this.#inTurn(() => this.#renew()).catch(() => {}), ttlMs / 3).unref()
  }

  async prove(needMs: Milliseconds): Promise<boolean> {
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < 3; attempt += 1) {
        this.#needUntil = monotonicMs() + needMs
        if (this.#left() >= needMs && !this.lost.aborted && !this.#over) return true
        if (!(await this.#renew())) return false
      }
      return this.#left() >= needMs
    })
  }

  async release(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#over || this.lost.aborted) return
      this.#over = true
      clearInterval(this.#timer)
      // Where it cannot be written, the end of this process is what others will see.
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const put = await putObject(this.#place.kubectl, leasePath(this.#place), this.#entry.released(this.#lease))
        if (!this.#entry.shared || (put.ok && put.value)) return
        const now = await readLease(this.#place)
        if (!now || !this.#entry.isIn(now)) return
        this.#lease = now
      }
    }).catch(() => {})
  }

  #left(): Milliseconds {
    return this.#renewedAt + this.#goodFor - monotonicMs()
  }

  async #renew(): Promise<boolean> {
    if (this.#over || this.lost.aborted) return false
    const begun = monotonicMs()
    const wantedMs = Math.max(this.#ttlMs, this.#needUntil - begun + this.#ttlMs / 2)
    const leaseDurationSeconds = Math.max(1, Math.ceil(wantedMs / 1000))
    const timeoutMs = Math.max(2_000, Math.min(this.#left(), 15_000))
    try {
      for (let attempt = 1; ; attempt += 1) {
        const wanted = this.#entry.renewed(this.#lease, leaseDurationSeconds)
        const put = await putObject(this.#place.kubectl, leasePath(this.#place), wanted, { timeoutMs })
        if (put.ok && put.value) return this.#accept(put.value as LeaseObject, begun, leaseDurationSeconds)
        const now = await readLease(this.#place)
        // An answer may be lost though the renewal was written: what the Lease says counts.
        if (!now || !this.#entry.isIn(now)) return this.#lose(takenOver(noteOf(now)?.holder.run ?? 'unknown'))
        if (this.#entry.isRenewed(now, wanted)) return this.#accept(now, begun, leaseDurationSeconds)
        this.#lease = now
        if (!this.#entry.shared || attempt >= attempts) return this.#left() > 0
      }
    } catch (error) {
      if (!(error instanceof FailureError)) throw error
      // The API server may answer again before the Lease is over.
      if (this.#left() > this.#ttlMs / 3) return true
      return this.#lose(cannotRenew(error.failures[0] as Failure))
    }
  }

  #accept(lease: LeaseObject, begun: Milliseconds, seconds: number): boolean {
    this.#lease = lease
    this.#renewedAt = begun
    this.#goodFor = seconds * 1000
    return true
  }

  #lose(failure: Failure): false {
    clearInterval(this.#timer)
    this.#loss.abort(new FailureError(failure))
    return false
  }
}

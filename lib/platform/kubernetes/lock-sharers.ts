import type { Milliseconds } from '../../model/duration.ts'
import { lifeOf, type Standing } from '../local/lock-liveness.ts'
import type { Sharer } from './lease-object.ts'

/** What a look at those who share a Lease gives: one that lives; or how long the others are watched still, 0 when all are over. */
export type SharersVerdict = { alive?: Sharer; leftMs: Milliseconds; isNew: boolean }

/** Watches those who share a Lease, by the watcher's own clock: whoever gives no sign of life for as long as the last one was good for is over. */
export class SharersWatch {
  readonly #seen = new Map<string, { beat: string; since: Milliseconds }>()

  /** Judges all of them at a moment of the own monotonic clock. A wrong clock costs a second attempt, and takes nothing from anybody. */
  async judge(sharers: readonly Sharer[], own: Standing, now: Milliseconds): Promise<SharersVerdict> {
    let leftMs = 0
    let isNew = false
    for (const sharer of sharers) {
      const { holder, standing, seconds, beat } = sharer
      if ((await lifeOf(own, standing)) === 'dead') continue
      const key = `${holder.run} ${holder.host} ${holder.pid}`
      const seen = this.#seen.get(key)
      if (seen && seen.beat !== beat) return { alive: sharer, leftMs: 0, isNew: false }
      const age = Date.now() - Date.parse(beat)
      if (!seen && age >= 0 && age < seconds * 1000) return { alive: sharer, leftMs: 0, isNew: false }
      if (!seen) {
        this.#seen.set(key, { beat, since: now })
        isNew = true
      }
      leftMs = Math.max(leftMs, (seen?.since ?? now) + seconds * 1000 - now)
    }
    return { leftMs, isNew }
  }
}

import type { Op } from '../model/op.ts'
import type { Effect, ReleaseStore } from '../model/platform.ts'

/** Where the effects of one release's ops are kept. */
export type EffectStore = { release: number; store: Pick<ReleaseStore, 'recordEffect' | 'effects'> }

/** The kinds of ops whose effect nobody can observe afterwards. */
const unobservable: ReadonlySet<Op['kind']> = new Set(['run-hook', 'send-notification'])

/** A hook says whether it may run twice; a notification may. */
const mayRepeat = (op: Op): boolean => op.kind !== 'run-hook' || op.data.repeatable

/**
 * Keeps how ops ended whose effect cannot be observed, where the platform is, so that another clone can recover without the dead
 * one's disk. What may not run twice is also noted before it begins: after a crash nobody can say whether it was done, and it is
 * not run again.
 */
export class Effects {
  readonly #target: EffectStore | undefined
  #known: Promise<Effect[]> | undefined

  constructor(target: EffectStore | undefined) {
    this.#target = target
  }

  /** Whether an op is passed over since it may not run twice. `doubt` says that it may not have been completed. */
  async before(op: Op): Promise<{ skip: boolean; doubt?: string }> {
    if (!this.#target || !unobservable.has(op.kind) || mayRepeat(op)) return { skip: false }
    this.#known ??= this.#target.store.effects(this.#target.release)
    const mine = (await this.#known).filter((effect) => effect.op === op.id)
    // Noted again, with the newest release: the one that it was noted with may be pruned.
    if (mine.some((effect) => effect.ended === 'done')) {
      await this.#note(op, 'done')
      return { skip: true }
    }
    if (mine.at(-1)?.ended !== 'begun') return { skip: false }
    await this.#note(op, 'begun')
    return {
      skip: true,
      doubt: `${op.id} was begun before and nobody knows whether it was completed; it may not be repeated, so look at what it did`,
    }
  }

  /** Notes that an op which may not run twice is about to begin. */
  async begin(op: Op): Promise<void> {
    if (unobservable.has(op.kind) && !mayRepeat(op)) await this.#note(op, 'begun')
  }

  /** Notes an op's end. */
  async end(op: Op, ended: 'done' | 'failed'): Promise<void> {
    if (unobservable.has(op.kind)) await this.#note(op, ended)
  }

  async #note(op: Op, ended: Effect['ended']): Promise<void> {
    await this.#target?.store.recordEffect(this.#target.release, { op: op.id, ended, at: new Date().toISOString() })
  }
}

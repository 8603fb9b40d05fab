import { Heap } from '../execute/heap.ts'

/** A number of places; whoever finds none waits. A task gives its place back while it waits for another task. */
export class Slots {
  #free: number
  readonly #line = new Heap()
  readonly #waiting = new Map<number, (() => void)[]>()

  constructor(count: number) {
    this.#free = Math.max(1, count)
  }

  /** Takes a place if one is free. */
  tryTake(): boolean {
    if (this.#free === 0) return false
    this.#free -= 1
    return true
  }

  /** Resolves when a place is taken. The lowest rank comes first, then who came first. */
  async take(rank = 0): Promise<void> {
    if (this.tryTake()) return
    await new Promise<void>((resolve) => {
      this.#line.push(rank)
      const same = this.#waiting.get(rank)
      if (same) same.push(resolve)
      else this.#waiting.set(rank, [resolve])
    })
  }

  /** Gives a place back. */
  release(): void {
    const rank = this.#line.pop()
    if (rank === undefined) {
      this.#free += 1
      return
    }
    const same = this.#waiting.get(rank) as (() => void)[]
    const next = same.shift() as () => void
    if (same.length === 0) this.#waiting.delete(rank)
    next()
  }
}

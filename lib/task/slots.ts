/** A number of places; whoever finds none waits in line. A task gives its place back while it waits for another task. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []
  #next = 0

  constructor(count: number) {
    this.#free = Math.max(1, count)
  }

  /** Resolves when a place is taken; first come, first served. */
  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Gives a place back. */
  release(): void {
    const waiting = this.#waiting[this.#next]
    if (!waiting) {
      this.#free += 1
      return
    }
    this.#next += 1
    // The line is cut now and then, not at each step: shift() would make a long one quadratic.
    if (this.#next > 1024) {
      this.#waiting.splice(0, this.#next)
      this.#next = 0
    }
    waiting()
  }
}

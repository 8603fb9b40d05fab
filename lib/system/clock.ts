/** Time as the product sees it, so that tests of deadlines and back-off need not wait. */
export interface Clock {
  /** Milliseconds on a clock that never goes back; only differences mean something, and only within one process. */
  now(): number
  /** The date and time of day, for people and records. It may jump. */
  wall(): Date
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** setTimeout fires at once for more than 2^31 - 1 ms, so longer sleeps are taken in parts. */
const longestTimer = 2_147_483_647

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  async sleep(ms, signal) {
    let rest = ms
    for (; rest > longestTimer; rest -= longestTimer) await pause(longestTimer, signal)
    await pause(rest, signal)
  },
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

type Sleeper = { until: number; wake: () => void }

/** A clock that stands still until `advance` moves it: for tests of latency, back-off and deadlines. */
export class VirtualClock implements Clock {
  #now = 0
  readonly #start: number
  #sleepers: Sleeper[] = []

  /** Takes the time of day at which the clock starts. */
  constructor(start: Date = new Date(0)) {
    this.#start = start.getTime()
  }

  now(): number {
    return this.#now
  }

  wall(): Date {
    return new Date(this.#start + this.#now)
  }

  /** How many sleeps wait for the clock to move. */
  get sleeping(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason)
      }
      const sleeper: Sleeper = {
        until: this.#now + Math.max(ms, 0),
        wake: () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        },
      }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /**
   * Moves the clock by `ms` milliseconds, waking each sleeper at its own moment and in order, and letting what it does next
   * (which may be to sleep again) happen before the next one wakes.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = this.#sleepers.toSorted((a, b) => a.until - b.until)[0]
      if (next === undefined || next.until > end) break
      this.#now = next.until
      this.#sleepers = this.#sleepers.filter((other) => other !== next)
      next.wake()
    }
    this.#now = end
    await settle()
  }
}

/** Lets every promise that is ready run on: a macrotask comes after all pending microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

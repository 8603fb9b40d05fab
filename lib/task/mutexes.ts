import { FailureError } from '../model/failure.ts'

/** What a task that waits for a name is told by. */
type Waiting = { id: string; go: () => void }

/** A name that is had: by whom, and how it is given back to other invocations. */
type Had = { holders: string[]; giveBack: () => Promise<void> }

/** What mutexes need to know. */
export type MutexOptions = {
  /** The workspace's `.ops` folder: the names count for all invocations in it. */
  ops: string
  /** The words of this invocation, for who waits elsewhere. */
  purpose: string
  /** Whether a task waits for another one: what it has may be used by whom it waits for. */
  waitsFor(id: string, other: string): boolean
  /** Told when another invocation has a name: who. */
  say(id: string, text: string): void
}

/** Names that one task at a time may have, in this invocation and in all others of the workspace. */
export class Mutexes {
  readonly #options: MutexOptions
  readonly #had = new Map<string, Had>()
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(options: MutexOptions) {
    this.#options = options
  }

  /** Takes the names for a task, in one order for all, so that no two wait for each other. Gives the function that gives them back. */
  async take(id: string, names: readonly string[], signal: AbortSignal): Promise<() => Promise<void>> {
    const taken: string[] = []
    const release = async () => {
      for (const name of taken.splice(0).reverse()) await this.#release(name, id)
    }
    try {
      for (const name of [...new Set(names)].sort()) {
        await this.#take(name, id, signal)
        taken.push(name)
      }
    } catch (error) {
      await release()
      throw error
    }
    return release
  }

  /** Looks again at who waits: a task that has a name has begun to wait for another one. */
  lend(): void {
    for (const [name, waiting] of this.#waiting) {
      const had = this.#had.get(name)
      const heir = had && waiting.find(({ id }) => this.#mayShare(had, id))
      if (!had || !heir) continue
      waiting.splice(waiting.indexOf(heir), 1)
      had.holders.push(heir.id)
      heir.go()
    }
  }

  #mayShare({ holders }: Had, id: string): boolean {
    return this.#options.waitsFor(holders.at(-1) as string, id)
  }

  async #take(name: string, id: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const had = this.#had.get(name)
    if (!had) {
      const own: Had = { holders: [id], giveBack: async () => {} }
      this.#had.set(name, own)
      try {
        own.giveBack = await this.#takeFromOthers(name, id, signal)
      } catch (error) {
        await this.#release(name, id)
        throw error
      }
      return
    }
    if (this.#mayShare(had, id)) {
      had.holders.push(id)
      return
    }
    await new Promise<void>((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? []
      this.#waiting.set(name, waiting)
      const stop = () => {
        waiting.splice(waiting.indexOf(own), 1)
        reject(signal.reason)
      }
      const own: Waiting = {
        id,
        go: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      waiting.push(own)
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  async #release(name: string, id: string): Promise<void> {
    const had = this.#had.get(name) as Had
    had.holders.splice(had.holders.lastIndexOf(id), 1)
    if (had.holders.length > 0) {
      this.lend()
      return
    }
    const next = this.#waiting.get(name)?.shift()
    if (next) {
      had.holders.push(next.id)
      next.go()
      return
    }
    this.#had.delete(name)
    await had.giveBack()
  }

  /** The lock of another invocation is looked at again and again: it may end at any moment, also without a word. */
  async #takeFromOthers(name: string, id: string, signal: AbortSignal): Promise<() => Promise<void>> {
    const [{ createHash }, { localLock }, { systemClock }] = await Promise.all([
      import('node:crypto'),
      import('../platform/local/lock.ts'),
      import('../system/clock.ts'),
    ])
    const { ops, purpose, say } = this.#options
    const place = `mutex.${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
    const lock = localLock({ ops, environment: place })
    for (let said = false; ; ) {
      const taken = await lock.acquire({ mode: 'exclusive', run: `task-${process.pid}`, purpose, signal })
      if (taken.ok) return () => taken.value.lease.release()
      signal.throwIfAborted()
      // Whoever holds it will give it back; a folder that cannot be written to stays so.
      if (taken.failures[0].outcome !== 'locked') throw new FailureError(...taken.failures)
      if (!said) {
        const holder = await lock.inspect()
        if (holder)
          say(
            id,
            `waits for ${JSON.stringify(name)}, which \`${holder.purpose}\` has (pid ${holder.pid} since ${holder.since})`,
          )
        said = holder !== undefined
      }
      await systemClock.sleep(150, signal)
    }
  }
}

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Failure } from '../model/failure.ts'
import type { Lease } from '../model/platform.ts'
import { Consents } from './confirm.ts'

/** Where operations meet: one environment of one workspace. */
export type Ground = {
  /** The workspace's `.ops` folder. */
  ops: string
  environment: string
}

/** An environment's lock as an operation of this process holds it, for those that its hooks call. */
export type Held = {
  readonly ground: string
  readonly lease: Lease
  readonly run: string
  readonly purpose: string
  /** Those that its hooks call, one after the other. */
  readonly turns: Turns
  /** Set when the lock is given back: what a hook left running by then is on its own. */
  over: boolean
}

const nameOf = ({ ops, environment }: Ground): string => `${ops}\0${environment}`
/** The locks that the operation holds whose hook is at work, outermost first. */
const holding = new AsyncLocalStorage<readonly Held[]>()
const grounds = new Map<string, { turns: Turns; consents: Consents }>()

function shared(ground: Ground): { turns: Turns; consents: Consents } {
  const name = nameOf(ground)
  const found = grounds.get(name) ?? { turns: new Turns(), consents: new Consents() }
  grounds.set(name, found)
  return found
}

/** Gives turns in the order in which they are asked for. */
export class Turns {
  #taken = false
  readonly #waiting: (() => void)[] = []

  get free(): boolean {
    return !this.#taken
  }

  /** Resolves with what gives the turn back; undefined when the signal comes first. */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (this.#taken && !(await this.#wait(signal))) return undefined
    this.#taken = true
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#taken = false
    }
  }

  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', stop)
        resolve(true)
      }
      const stop = () => {
        const index = this.#waiting.indexOf(go)
        if (index >= 0) this.#waiting.splice(index, 1)
        resolve(false)
      }
      if (signal.aborted) return resolve(false)
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.push(go)
    })
  }
}

/** What this process has been allowed to do to an environment so far. */
export const consentsOf = (ground: Ground): Consents => shared(ground).consents

/** The lock under which this is called: by a hook of the operation that holds it. Undefined outside of one. */
export const heldHere = (ground: Ground): Held | undefined =>
  holding.getStore()?.find((held) => held.ground === nameOf(ground) && !held.over)

/** Whether an operation of this process is at work further out, on whichever environment. */
export const isWithinOperation = (): boolean => holding.getStore()?.some(({ over }) => !over) ?? false

/** Calls `work` so that operations which its hooks call share the lock. */
export async function sharing<T>(
  ground: Ground,
  lock: { lease: Lease; run: string; purpose: string },
  work: () => Promise<T>,
): Promise<T> {
  const held: Held = { ...lock, ground: nameOf(ground), turns: new Turns(), over: false }
  try {
    return await holding.run([...(holding.getStore() ?? []), held], work)
  } finally {
    held.over = true
  }
}

/**
 * Waits until no other operation of this process is at work on the environment, but those whose hook calls this one. Gives what ends
 * the turn; undefined when the signal comes first. Failure `locked`: to wait for an environment while holding another one could last for ever.
 */
export async function takeTurn(
  ground: Ground,
  signal: AbortSignal,
): Promise<{ give: () => void } | { failure: Failure } | undefined> {
  const outer = heldHere(ground)
  const { turns } = outer ?? shared(ground)
  if (!outer && isWithinOperation() && !turns.free) return { failure: crossed(ground) }
  const give = await turns.take(signal)
  return give && { give }
}

const crossed = ({ environment }: Ground): Failure => ({
  code: 'locked',
  message: `another operation of this command is at work on ${environment}`,
  why: 'a hook of one environment does not wait for another environment: the two could wait for each other',
  outcome: 'locked',
  next: [`call the operation on ${environment} before or after the one whose hook this is`],
})

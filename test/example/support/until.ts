import { setTimeout as delay } from 'node:timers/promises'

/** Asks `check` until it answers something else than undefined or false; throws with its last error after `deadline` milliseconds. */
export async function until<T>(what: string, check: () => Promise<T> | T, deadline = 20_000): Promise<NonNullable<T>> {
  const end = performance.now() + deadline
  let last: unknown
  while (performance.now() < end) {
    try {
      const answer = await check()
      if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<T>
    } catch (error) {
      last = error
    }
    await delay(25)
  }
  throw new Error(`not within ${deadline} ms: ${what}`, { cause: last })
}

import { inspect } from 'node:util'

/**
 * Waits until a condition holds: calls it every 25 ms (`every`) and returns its first truthy value. A condition that throws does not
 * hold yet.
 *
 * @param options.what what is waited for, for the error: "the service to answer"
 * @param options.deadline how long at most, in milliseconds; default 30,000
 * @throws an Error with `what`, the time, and the last value or error
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: { what: string; deadline?: number; every?: number },
): Promise<NonNullable<T>> {
  const { what, deadline = 30_000, every = 25 } = options
  const end = performance.now() + deadline
  for (;;) {
    let last: string
    try {
      const value = await condition()
      if (value) return value as NonNullable<T>
      last = `the condition gave ${inspect(value)}`
    } catch (error) {
      last = `the condition failed: ${inspect(error)}`
    }
    if (performance.now() >= end) throw new Error(`waited ${deadline} ms in vain for ${what}; at last ${last}`)
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

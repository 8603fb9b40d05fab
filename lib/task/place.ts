import { fileURLToPath } from 'node:url'
import type { Place } from '../model/failure.ts'

/** The places of an error's stack, innermost first, without Node's own; columns and lines count from 1. */
export function stackPlaces(stack: string): (Place & { file: string; line: number; column: number })[] {
  const places = []
  for (const match of stack.matchAll(/^\s+at (?:.*? \()?(?:async )?((?:file:\/\/)?\/[^\n]*?):(\d+):(\d+)\)?$/gm)) {
    const [, location, line, column] = match as unknown as [string, string, string, string]
    places.push({ file: toPath(location), line: Number(line), column: Number(column) })
  }
  return places
}

const toPath = (location: string): string => (location.startsWith('file:') ? fileURLToPath(location) : location)

/**
 * Remembers where the function that called this one was called. Cheap: the text of the stack, with its source maps, is only made
 * when the returned function is first called.
 */
export function callerPlace(): () => Place | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 3
  const error = new Error()
  Error.stackTraceLimit = limit
  let place: Place | undefined
  let known = false
  return () => {
    if (!known) {
      place = stackPlaces(error.stack ?? '')[2]
      known = true
    }
    return place
  }
}

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

/** Where a function is called. Cheap: the text of the stack, with its source maps, is only made when the place is asked for. */
export class CallerPlace {
  /** What was caught of the stack: one frame. */
  declare readonly stack?: string

  /** @param callee the function, on the stack at this moment, whose caller's place is meant */
  constructor(callee: (...args: never[]) => unknown) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 1
    Error.captureStackTrace(this, callee)
    Error.stackTraceLimit = limit
  }

  /** The place; undefined where the stack does not say. */
  get place(): Place | undefined {
    return stackPlaces(this.stack ?? '')[0]
  }
}

/** Remembers where the function that called this one was called. */
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

import { readFileSync } from 'node:fs'
import type { Failure, Place } from '../model/failure.ts'

/** The line of a file that a place names, for an excerpt; undefined when it cannot be read. */
export function sourceLine(place: Place | undefined): string | undefined {
  if (place?.line === undefined) return undefined
  try {
    return readFileSync(place.file, 'utf8').split(/\r?\n/)[place.line - 1]
  } catch {
    return undefined
  }
}

/** The first place in files where `find` gives a column (from 0) of a line, and not -1. */
export function findInFiles(files: readonly string[], find: (line: string) => number): Place | undefined {
  for (const file of files) {
    for (const [index, line] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
      const column = find(line)
      if (column >= 0) return { file, line: index + 1, column: column + 1 }
    }
  }
  return undefined
}

/** A place with the line there, to spread into a failure. */
export function placed(place: Place | undefined): Pick<Failure, 'place' | 'source'> {
  const source = sourceLine(place)
  return { ...(place ? { place } : {}), ...(source === undefined ? {} : { source }) }
}

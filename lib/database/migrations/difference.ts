import type { Failure } from '../../model/failure.ts'
import { lineAt } from '../sql/positions.ts'
import { placeInText } from './source.ts'

/** Where two texts first differ (UTF-16 offset into both); undefined if they are the same. */
export function firstDifference(before: string, now: string): number | undefined {
  const length = Math.min(before.length, now.length)
  for (let at = 0; at < length; at++) if (before.charCodeAt(at) !== now.charCodeAt(at)) return at
  return before.length === now.length ? undefined : length
}

/** What a failure says of a file that differs from its applied text: place and line as they are now, and the line as it was. */
export function describeDifference(
  file: string,
  before: string,
  now: string,
): Pick<Failure, 'place' | 'source' | 'why'> {
  const at = firstDifference(before, now)
  if (at === undefined) return { place: { file } }
  return {
    place: placeInText(file, now, at),
    source: lineAt(now, at),
    why: `when it was applied, the line was\n  ${lineAt(before, at) || '(no such line)'}\na database made from the files now would be another one`,
  }
}

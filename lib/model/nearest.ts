/**
 * The Damerau-Levenshtein distance of two names in its restricted form (optimal string alignment: insertions, deletions,
 * substitutions and swaps of neighbours cost 1 each, no part is edited twice).
 * Returns `limit + 1` as soon as the distance is certain to exceed `limit`.
 */
export function editDistance(left: string, right: string, limit = Number.POSITIVE_INFINITY): number {
  if (left === right) return 0
  if (Math.abs(left.length - right.length) > limit) return limit + 1
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    let smallest = row
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let distance = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      )
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped) distance = Math.min(distance, at(beforePrevious, column - 2) + 1)
      current.push(distance)
      smallest = Math.min(smallest, distance)
    }
    if (smallest > limit) return limit + 1
    beforePrevious = previous
    previous = current
  }
  return at(previous, right.length)
}

const at = (row: number[], column: number): number => row[column] as number

/**
 * The valid name that a misspelt one most likely means, or undefined when none is near: at most one edit for every three
 * characters (at least one), upper and lower case alike, or a name of which the misspelt one (3 characters or more) is the
 * beginning. On equal distance the first candidate wins, so callers pass them in the order in which they list them.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  let byPrefix: string | undefined
  for (const candidate of candidates) {
    const lower = candidate.toLowerCase()
    const distance = editDistance(wanted, lower, bestDistance - 1)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
    if (byPrefix === undefined && wanted.length >= 3 && lower.startsWith(wanted)) byPrefix = candidate
  }
  return best ?? byPrefix
}

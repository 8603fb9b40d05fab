import type { Stats } from 'node:fs'

/** Times of some file systems are this coarse, in milliseconds. */
const granularity = 2000

/** Whether a file is as noted, and had come to rest by then. */
export function holds(numbers: ArrayLike<number>, from: number, stats: Stats): boolean {
  return (
    numbers[from] === stats.size &&
    numbers[from + 1] === stats.mtimeMs &&
    numbers[from + 2] === stats.ctimeMs &&
    numbers[from + 3] === stats.ino &&
    isAtRest(numbers, from)
  )
}

/** Whether a file had come to rest when it was noted. */
export const isAtRest = (numbers: ArrayLike<number>, from: number): boolean =>
  Math.max(numbers[from + 1] as number, numbers[from + 2] as number) < (numbers[from + 4] as number) - granularity

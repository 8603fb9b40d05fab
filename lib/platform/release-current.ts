import { z } from 'zod'
import type { Release } from '../model/release.ts'

const pointerSchema = z.looseObject({ release: z.int().min(1), newest: z.int().default(0) })

/** Which release was made current last. `newest` is the highest number that there was then. */
export type ReleasePointer = { release: number; newest: number }

/** Reads a pointer's text; `damaged` where it is none, undefined where there is no text. */
export function readPointer(text: string | undefined): ReleasePointer | 'damaged' | undefined {
  if (text === undefined) return undefined
  try {
    return pointerSchema.parse(JSON.parse(text))
  } catch {
    return 'damaged'
  }
}

/**
 * The current release: what the pointer says, unless the records know better: a deploy is killed between the verdict on its release and the
 * pointer, or a rollback after it has left the release that the pointer names. A damaged pointer does not stop a rollback either.
 *
 * @param releases oldest first
 */
export function currentAmong(
  releases: readonly Release[],
  pointer: ReleasePointer | 'damaged' | undefined,
): number | undefined {
  const serving = releases.filter(({ outcome, left }) => outcome === 'healthy' && !left)
  if (pointer === 'damaged') return serving.at(-1)?.number
  const newer = serving.findLast(({ number }) => number > (pointer?.newest ?? 0))
  if (newer) return newer.number
  let named = releases.find(({ number }) => number === pointer?.release)
  for (let steps = releases.length; named?.left && steps > 0; steps -= 1) {
    const to = named.left.to
    named = releases.find(({ number }) => number === to) ?? named
  }
  return named?.number ?? pointer?.release
}

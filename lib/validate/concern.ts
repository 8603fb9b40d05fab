import type { PlatformName } from '../model/environment.ts'
import type { Failure } from '../model/failure.ts'

/**
 * What a mistake in the configuration is about, so that a command goes on when only things that it does not need are broken. All that is given
 * must hold; nothing given: the whole workspace.
 */
export type Concern = {
  /** Environments that have this service. */
  service?: string
  environments?: string[]
  platforms?: PlatformName[]
}

/** A mistake in the configuration. Its outcome is `unchanged`. */
export type ConfigurationFailure = Failure & { concern: Concern }

/** Attributes failures. */
export const concerning = (concern: Concern, failures: readonly Failure[]): ConfigurationFailure[] =>
  failures.map((failure) => ({ ...failure, concern }))

/** In the order of files, lines and columns; failures without a place first. */
export function inOrderOfPlace<T extends Failure>(failures: readonly T[]): T[] {
  const key = ({ place }: Failure) => [place?.line ?? 0, place?.column ?? 0] as const
  return [...failures].sort((left, right) => {
    const byFile = compareText(left.place?.file ?? '', right.place?.file ?? '')
    const [line, column] = key(left)
    const [otherLine, otherColumn] = key(right)
    return byFile || line - otherLine || column - otherColumn
  })
}

/** Compares by UTF-16 units: the same order on every machine, whatever its locale. */
export const compareText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

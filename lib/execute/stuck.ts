import type { Failure } from '../model/failure.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { rollbackTarget } from '../plan/prune.ts'
import { command } from './recovery.ts'

/**
 * Failures that nothing goes back from by itself: outcome `stuck`, with the exact next commands, never "pending" for ever.
 * @param next what the failure itself says is to be typed, in the place of the usual commands
 */
export function stuckFailures(
  failures: readonly Failure[],
  where: { environment: string; snapshot: Snapshot; failedTarget?: number | undefined },
  next: readonly string[] = [],
): Failure[] {
  const [first, ...rest] = failures as [Failure, ...Failure[]]
  const { environment } = where
  const usual = [command('health-check', environment), command('releases', environment), ...waysOn(where)]
  const commands = [...(first.next ?? []), ...(next.length > 0 ? next : usual)]
  return [{ ...first, outcome: 'stuck', next: commands }, ...rest]
}

/** Releases that were healthy and are not the one that just failed: the one that ran before, then the newest older one. */
function waysOn({
  environment,
  snapshot: { releases, current },
  failedTarget,
}: {
  environment: string
  snapshot: Snapshot
  failedTarget?: number | undefined
}): string[] {
  const before = releases.find(({ number, outcome }) => number === current && outcome === 'healthy')?.number
  const older = rollbackTarget(releases, failedTarget ?? current)?.number
  const numbers = [before, older].filter((number) => number !== undefined && number !== failedTarget)
  return [...new Set(numbers)].map((number) => `${command('rollback', environment)} --to ${number}`)
}

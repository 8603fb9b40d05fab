import { setTimeout as pause } from 'node:timers/promises'
import { readCatalogue } from '../../lib/backup/catalogue.ts'
import { openTarget } from '../../lib/backup/targets/index.ts'
import type { CatalogueEntry } from '../../lib/model/backup.ts'
import { formatDuration, parseDuration } from '../../lib/model/duration.ts'
import type { Session } from './session.ts'

/** Whether the newest verified backup is young enough, and why not. Times in milliseconds. */
export type BackupAge = {
  passed: boolean
  message: string
  verified?: CatalogueEntry
  ageMs?: number
  withinMs: number
}

/** Looks how old the newest verified backup is, against what the policy allows. Pure but for the clock. */
export function backupAge(
  { desired }: Pick<Session, 'desired'>,
  entries: readonly CatalogueEntry[],
  now = Date.now(),
): BackupAge {
  const { environment, configuration } = desired
  const withinMs = parseDuration(configuration.backup.verifiedWithin) ?? 0
  const verified = entries.findLast((entry) => entry.state === 'complete' && entry.verified)
  if (!verified) return { passed: false, message: `no backup of ${environment} was ever verified`, withinMs }
  const ageMs = now - Date.parse(verified.created)
  const age = formatDuration(ageMs)
  const passed = ageMs <= withinMs
  const message = passed
    ? `backup ${verified.number} is verified, ${age} old`
    : `the newest verified backup of ${environment} is ${age} old; the policy allows ${formatDuration(withinMs)}`
  return { passed, message, verified, ageMs, withinMs }
}

/** How long the targets are waited for, in milliseconds: who asks for health does not wait for a bucket that does not answer. */
const patienceMs = 5000

/**
 * The same for a health check: undefined where no backup was ever taken, so that who takes none is not told of it with every look. A target that cannot
 * be read in five seconds does not pass.
 */
export async function backupHealth({ desired, folder, secrets }: Session): Promise<BackupAge | undefined> {
  if (!desired.backupTargets) return undefined
  const targets = desired.backupTargets.map((target) => openTarget(target, { folder, secrets }))
  const late = new AbortController()
  const found = await Promise.race([
    readCatalogue(targets, desired),
    pause(patienceMs, undefined, { signal: late.signal, ref: false }).catch(() => undefined),
  ])
  late.abort()
  const withinMs = parseDuration(desired.configuration.backup.verifiedWithin) ?? 0
  if (!found)
    return { passed: false, message: `the targets of backups do not answer in ${patienceMs / 1000} s`, withinMs }
  const [failure] = found.failures
  if (failure && found.entries.length === 0) return { passed: false, message: failure.failure.message, withinMs }
  return found.entries.some(({ state }) => state === 'complete') ? backupAge({ desired }, found.entries) : undefined
}

import { findBackup, readCatalogue } from '../../lib/backup/catalogue.ts'
import { findClients } from '../../lib/backup/clients.ts'
import { openTarget } from '../../lib/backup/targets/index.ts'
import type { Target } from '../../lib/backup/targets/target.ts'
import type { BackupManifest, CatalogueEntry } from '../../lib/model/backup.ts'
import { type Failure, FailureError } from '../../lib/model/failure.ts'
import type { WalKnowledge } from '../../lib/model/wal.ts'
import { backupTargets } from '../../lib/plan/backup-targets.ts'
import type { Retained } from '../../lib/plan/retention.ts'
import { hostName } from '../../lib/system/machine.ts'
import { isAlive } from '../../lib/system/process-identity.ts'
import type { Session } from './session.ts'
import { readWal } from './wal-knowledge.ts'

/** The backups of a session's environment, and what they are taken with. */
export type Backups = {
  targets: Target[]
  entries: (CatalogueEntry & Retained)[]
  /** Targets that could not be read. */
  failures: { target: string; failure: Failure }[]
  clients: number[]
  /** Absent where no WAL is received, nor was. */
  wal?: WalKnowledge
}

/** Reads the catalogue from the targets. Throws when none of them can be read. */
export async function readBackups(session: Session, signal: AbortSignal): Promise<Backups> {
  const { desired, folder, secrets } = session
  const targets = backupTargets(desired).map((target) => openTarget(target, { folder, secrets }))
  const [{ entries, failures }, clients] = await Promise.all([
    readCatalogue(targets, desired),
    findClients(process.env, signal),
  ])
  const [first, ...rest] = failures.map(({ failure }) => failure)
  if (first && failures.length === targets.length) throw new FailureError(first, ...rest)
  const here = hostName()
  const marked = await Promise.all(
    entries.map(async (entry) => {
      const { claim, state } = entry
      const dead = state === 'begun' && claim?.host === here && !(await isAlive(claim.process))
      return { ...entry, dead }
    }),
  )
  const wal = await readWal(session, targets, marked, signal)
  return { targets, entries: marked, failures, clients: clients.map(({ major }) => major), ...(wal && { wal }) }
}

/** The backup that a command names; the newest one where it names none. */
export const chosen = (
  { entries }: Backups,
  number: number | undefined,
  environment: string,
): CatalogueEntry & { manifest: BackupManifest } => findBackup(entries, number ?? 'latest', environment)

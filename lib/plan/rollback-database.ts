import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Op } from '../model/op.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { backupOp } from './backup.ts'
import { databaseFinding } from './database.ts'
import { revertBeyond } from './migrate.ts'
import { chain } from './roll.ts'

/** What taking the database back with a release needs: the catalogue, which has the down parts, and PostgreSQL's clients here. */
export type DatabaseBack = { desired: Desired; clients: readonly number[] }

/**
 * A backup, then the undoing of what was migrated after a release, the last applied first (`rollback --with-database`). No ops where nothing was; findings say
 * what cannot be undone.
 */
export function databaseBack(
  { desired, clients }: DatabaseBack,
  snapshot: Snapshot,
  target: Release,
  findings: Finding[],
): Op[] {
  const unready = databaseFinding(desired, snapshot)
  if (unready || !desired.database) {
    if (unready) findings.push(unready)
    return []
  }
  const known = new Set(target.schema.map(({ version }) => version))
  const reverted = revertBeyond(desired.database, snapshot, known, `release ${target.number} does not know them`)
  findings.push(...reverted.findings)
  if (!reverted.op) return []
  const backup = backupOp(desired, snapshot, { clients }, 'before-rollback', findings)
  return backup ? chain([backup, reverted.op], []) : []
}

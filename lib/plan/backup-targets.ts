import type { BackupTarget } from '../model/backup.ts'
import type { Desired } from '../model/desired.ts'

/** Where an environment's backups go; where that is not known, to the workspace itself. */
export const backupTargets = ({ backupTargets: targets }: Desired): [BackupTarget, ...BackupTarget[]] =>
  targets ?? [{ type: 'folder', path: '.ops/backups' }]

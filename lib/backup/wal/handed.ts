import type { BackupTarget } from '../../model/backup.ts'
import type { BackupOwner } from '../catalogue.ts'

/** The variable in which the receiver is handed what it works with. It holds secrets; only its own user can read a process's environment. */
export const handedVariable = 'VITAL_OPS_WAL'

/** What the receiver's program is handed, as JSON. */
export type Handed = {
  owner: BackupOwner
  service: string
  /** The workspace's folder, to which targets are relative. */
  folder: string
  address: { host: string; port: number; user: string; password: string }
  program: string
  spool: string
  targets: BackupTarget[]
  /** Values of the secrets that targets refer to, by the digests of the references. */
  secrets: Record<string, string>
  recipients: string[]
  everyMs: number
  keepBytes: number
}

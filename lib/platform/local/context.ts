import type { Result } from '../../model/failure.ts'
import type { DatabaseAdministrator, ReleaseStore } from '../../model/platform.ts'
import type { PortAssignments } from '../../plan/ports.ts'
import type { Clock } from '../../system/clock.ts'
import type { SupervisorOptions } from './client.ts'

/** What the parts of the local platform share: one environment of one workspace. */
export type LocalContext = {
  /** The workspace's folder, absolute. */
  folder: string
  workspaceId: string
  /** For people. */
  workspaceName: string
  /** `dev`, or `production@local` for a rehearsal. */
  environment: string
  releases: ReleaseStore
  /** Ports that this machine uses in place of declared ones. */
  ports: PortAssignments
  supervisor: SupervisorOptions
  clock: Clock
  /** Values that no log and no message may hold, whichever service writes it: a database logs what others send to it. */
  hidden: readonly string[]
  /** The environment's database, where it is only known by its address. */
  external?: { service: string; administrator(): Promise<Result<DatabaseAdministrator>> }
}

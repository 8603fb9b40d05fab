import type { Result } from '../../model/failure.ts'
import type { DatabaseAdministrator } from '../../model/platform.ts'
import type { PortAssignments } from '../../plan/ports.ts'
import type { Clock } from '../../system/clock.ts'
import type { Engine } from './engine.ts'
import type { Owner } from './names.ts'
import type { DockerReleases } from './releases.ts'

/** What the parts of the docker platform share: one environment of one workspace on one engine. */
export type DockerContext = Owner & {
  engine: Engine
  /** The workspace's folder, absolute. */
  folder: string
  releases: DockerReleases
  /** Host ports that are used in place of declared ones. */
  ports: PortAssignments
  clock: Clock
  /** Values that no log and no message may hold. */
  hidden: readonly string[]
  /** The environment's database, where it is only known by its address. */
  external?: { service: string; administrator(): Promise<Result<DatabaseAdministrator>> }
}

import type { Fingerprint, RunSpec } from './desired.ts'
import type { PlatformName } from './environment.ts'
import type { AppliedMigration } from './migration.ts'
import type { SecretReference } from './secret.ts'

/** One service as a release runs it. */
export type ReleasedService = {
  service: string
  /** Absent when the service was unavailable on the platform. */
  spec?: RunSpec
  fingerprint: Fingerprint
  dependencies: { service: string; optional: boolean }[]
}

/** How a release ended; `pending` until its gates have passed or failed. */
export type ReleaseOutcome = 'pending' | 'healthy' | 'failed'

/** An immutable record of what an environment runs; only `outcome`, `ended`, `cause`, `pushed` and `left` are written later. */
export type Release = {
  version: 1
  number: number
  workspace: { name: string; id: string }
  environment: string
  platform: PlatformName
  /** ISO 8601 */
  created: string
  ended?: string
  by: string
  run: string
  revision: string
  commit: string
  /** Every service of the environment, in dependency order. */
  services: ReleasedService[]
  /** How the environment's database is reached; absent when it has none. */
  database?: { service: string; name: string; user: string; password: SecretReference }
  /**
   * Services that were not running before its deploy, or the dead one that it supersedes, started them: what a failed first one stops
   * again. Absent in older records.
   */
  starts?: string[]
  /** Services that this release named; undefined when all. */
  only?: string[]
  /** The environment's hooks, probes and policy are part of the record: a rollback needs no working tree. */
  hooks: Record<string, { task: string; timeoutMs: number; onError: 'fail' | 'warn'; repeatable: boolean }[]>
  /** Who is told how it ended. Absent in records of versions that did not keep it. */
  notifications?: { on: ('healthy' | 'failed' | 'rolled-back')[]; command: string[]; timeoutMs: number }[]
  /** The schema after this release's migrations. */
  schema: AppliedMigration[]
  /** Images that its deploy was given (`--image`), by service. */
  given?: Record<string, string>
  /** What the images are that its deploy built and pushed: their digests by reference, known only after the push. */
  pushed?: Record<string, string>
  outcome: ReleaseOutcome
  /** Why it failed, one line. */
  cause?: string
  /** Set when a rollback went away from it. */
  left?: { at: string; run: string; to: number }
}

import type { Desired, DesiredDatabase } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { AppliedMigration } from '../model/migration.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'

/**
 * The schema as a release records it: what is applied, and what its deploy adds.
 * @param database the one that the deploy migrates, if it does
 */
export function schemaAfter(
  database: DesiredDatabase | undefined,
  snapshot: Snapshot,
  current: Release | undefined,
): AppliedMigration[] {
  const applied = snapshot.database?.applied ?? current?.schema ?? []
  const known = new Set(applied.map((migration) => migration.version))
  const added = (database?.migrations ?? []).filter((file) => !known.has(file.version))
  return [...applied, ...added].map(({ version, name, sha256, effect }) => ({ version, name, sha256, effect }))
}

/** While the database does not answer, nobody can say whether a breaking migration is pending, and so nobody can confirm it. */
export function unknownBreaking({ database, configuredAs }: Desired, current: Release | undefined): Finding[] {
  const known = new Set((current?.schema ?? []).map(({ version }) => version))
  const versions = (database?.migrations ?? [])
    .filter(({ effect, version }) => effect === 'breaking' && !known.has(version))
    .map(({ version }) => version)
  if (!database || versions.length === 0) return []
  return [
    {
      rule: 'breaking-migration-unknown',
      severity: 'error',
      service: database.service,
      message: `${database.service} does not answer, and ${versions.join(', ')} (breaking) may be pending: it cannot be confirmed unseen`,
      mend: `task services up ${database.service} --environment ${configuredAs}`,
    },
  ]
}

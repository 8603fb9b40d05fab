import type { DesiredDatabase } from '../model/desired.ts'
import type { Release } from '../model/release.ts'
import type { Snapshot } from '../model/snapshot.ts'

/** A release's database as its services know it: with the password of its day. Its schema is none of a restart's business. */
export const databaseOfRelease = ({ database }: Release): DesiredDatabase | undefined =>
  database && { ...database, migrations: [], seeds: [] }

/** The snapshot without what was seen of the database by trying another password than the one that is wanted. */
export function withoutReadiness(snapshot: Snapshot): Snapshot {
  if (!snapshot.database) return snapshot
  const { ready: _, ...database } = snapshot.database
  return { ...snapshot, database }
}

/** Why the database's role has to be set again on the way from one release to another; undefined when both know the same password. */
export function passwordCause(from: Release | undefined, to: Release): string | undefined {
  if (!to.database || from?.database?.password.digest === to.database.password.digest) return undefined
  return from?.database ? `release ${to.number} knows another password than release ${from.number}` : undefined
}

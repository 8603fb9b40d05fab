/** A migration as the ledger has it. */
export type AppliedMigration = { version: string; name: string; sha256: string; effect: 'expand' | 'breaking' }

/**
 * Versions of the files that are to run: those that the ledger lacks, and repeatable ones that it has with another text. Files out of order are
 * among them. Pure.
 */
export function pendingAmong(
  files: readonly { version: string; sha256: string; repeatable?: boolean }[],
  applied: readonly Pick<AppliedMigration, 'version' | 'sha256'>[],
): string[] {
  const known = new Map(applied.map(({ version, sha256 }) => [version, sha256]))
  return files
    .filter(({ version, sha256, repeatable }) =>
      repeatable === true ? known.get(version) !== sha256 : !known.has(version),
    )
    .map(({ version }) => version)
}

/** A migration as the ledger has it. */
export type AppliedMigration = { version: string; name: string; sha256: string; effect: 'expand' | 'breaking' }

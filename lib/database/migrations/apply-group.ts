import type { MigrationFile } from '../../model/desired.ts'
import type { Connection } from '../connect.ts'
import { isConnectionLost, isServerError } from '../failures.ts'
import { recordMigrations } from './ledger.ts'
import type { SharedPart } from './sharing.ts'

/** How long a group may hold its locks before it is committed, in milliseconds, and how many migrations it may be. */
const longest = { ms: 400, count: 100 }

/** A migration that shares a transaction: its text, and what of it is sent. */
export type Sharing = { file: MigrationFile; text: string; part: SharedPart }

/** What became of a group: the migrations that are committed, and how many of those after them go by themselves. */
export type GroupResult = { applied: { migration: Sharing; durationMs: number }[]; alone: number }

/**
 * Applies the first of some migrations in one transaction, each with its row in the ledger: a commit waits for the disk, and a database that is made from
 * nothing needs a wait for many of them, not for each. What the server refuses is rolled back as a whole: the caller applies those by themselves, so
 * that the good ones stay and the failure is told in its place.
 */
export async function applyGroup(
  connection: Connection,
  migrations: readonly Sharing[],
  options: {
    lockTimeoutMs: number
    statementTimeoutMs: number
    release?: number | undefined
    signal?: AbortSignal | undefined
  },
): Promise<GroupResult> {
  const started = performance.now()
  const applied: GroupResult['applied'] = []
  let begun = 0
  try {
    await connection.query(
      `begin; set local lock_timeout = '${options.lockTimeoutMs}ms'; set local statement_timeout = ${options.statementTimeoutMs}`,
    )
    for (const migration of migrations.slice(0, longest.count)) {
      const from = performance.now()
      if (from - started > longest.ms) break
      begun += 1
      await connection.query(textOf(migration))
      applied.push({ migration, durationMs: performance.now() - from })
    }
    await connection.query('set local statement_timeout = 0')
    await recordMigrations(
      connection,
      applied.map(({ migration: { file, text, part }, durationMs }) => ({
        file,
        text,
        statements: part.statements,
        durationMs,
        ...(options.release !== undefined && { release: options.release }),
      })),
    )
    await connection.query('commit')
    return { applied, alone: 0 }
  } catch (error) {
    if (!isServerError(error) || isConnectionLost(error) || options.signal?.aborted) throw error
    await connection.query('rollback')
    return { applied: [], alone: begun }
  }
}

/** All statements in one message; deferred constraints are looked at before the next migration. */
const textOf = ({ text, part }: Sharing): string =>
  `${text.slice(part.from, part.to)}\n;\nset constraints all immediate`

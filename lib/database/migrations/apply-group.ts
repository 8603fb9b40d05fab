import type { QueryResult } from 'pg'
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
    const most = Math.min(migrations.length, longest.count)
    for (let size = 4; applied.length < most; size = nextSize(applied)) {
      if (performance.now() - started > longest.ms) break
      const message = migrations.slice(applied.length, Math.min(most, applied.length + size))
      begun += message.length
      applied.push(...(await send(connection, message)))
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

/** How long the migrations of one message may take together, in milliseconds, as far as that can be known before. */
const messageMs = 60

/** As many as those before them let expect to fit. */
function nextSize(applied: GroupResult['applied']): number {
  const sum = applied.reduce((total, { durationMs }) => total + durationMs, 0)
  return Math.max(1, Math.floor(messageMs / Math.max(sum / applied.length, 0.1)))
}

const clock = 'vital_ops_clock'
const readClock = `select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::float8 as ${clock}`

/**
 * Sends migrations in one message, so that the server does not wait for us between them; it says itself when each was done. Deferred constraints are looked
 * at before the next one.
 */
async function send(connection: Connection, migrations: readonly Sharing[]): Promise<GroupResult['applied']> {
  const texts = migrations.map(
    ({ text, part }) => `${text.slice(part.from, part.to)}\n;\nset constraints all immediate;\n${readClock}`,
  )
  const results = (await connection.query([readClock, ...texts].join(';\n'))) as unknown as QueryResult[]
  const times = results
    .filter(({ fields }) => fields[0]?.name === clock)
    .map(({ rows }) => (rows[0] as Record<string, number>)[clock] ?? 0)
  return migrations.map((migration, at) => ({ migration, durationMs: (times[at + 1] ?? 0) - (times[at] ?? 0) }))
}

import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from '../connect.ts'
import { isServerError } from '../failures.ts'
import { StatementError } from './run-statement.ts'

/** How often a migration is tried again when it did not get its locks. Times in milliseconds. */
export type Patience = { lockTimeoutMs: number; attempts: number; firstPauseMs: number; longestPauseMs: number }

/** About three minutes in all. */
export const defaultPatience: Patience = {
  lockTimeoutMs: 5000,
  attempts: 10,
  firstPauseMs: 1000,
  longestPauseMs: 15_000,
}

/** 55P03 lock_not_available, 40P01 deadlock_detected, 40001 serialization_failure: the same statement may succeed in a moment. */
const passing = new Set(['55P03', '40P01', '40001'])

/**
 * Does something that may fail for want of a lock, again and again with growing pauses. A migration that waits for a lock stops every
 * query that comes after it, so it gives way quickly and tries again instead.
 */
export async function patiently<T>(
  connection: Connection,
  patience: Patience,
  options: { what: string; output: (line: string) => void; signal?: AbortSignal },
  act: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      const cause = error instanceof StatementError ? error.cause : error
      if (!isServerError(cause) || !passing.has(cause.code ?? '') || attempt >= patience.attempts) throw error
      const wait = Math.min(patience.firstPauseMs * 2 ** (attempt - 1), patience.longestPauseMs)
      const who = await oldestTransactions(connection)
      options.output(
        `${options.what}: ${cause.message}; trying again in ${(wait / 1000).toFixed(1)}s (${attempt} of ${patience.attempts})${who}`,
      )
      await pause(wait, undefined, options.signal && { signal: options.signal })
    }
  }
}

/** Who is likely to hold the lock: the sessions of this database whose transactions are oldest. */
async function oldestTransactions(connection: Connection): Promise<string> {
  const { rows } = await connection.query<{ pid: number; application: string; user: string; seconds: number }>(
    `select pid, application_name as application, usename as user,
       extract(epoch from pg_catalog.clock_timestamp() - xact_start)::float8 as seconds
     from pg_catalog.pg_stat_activity
     where datname = pg_catalog.current_database() and xact_start is not null and pid <> pg_catalog.pg_backend_pid()
     order by xact_start limit 3`,
  )
  if (rows.length === 0) return ''
  const list = rows.map(
    ({ pid, application, user, seconds }) => `${application || user} (process ${pid}, ${seconds.toFixed(0)}s)`,
  )
  return `; open transactions: ${list.join(', ')}`
}

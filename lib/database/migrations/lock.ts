import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'

/**
 * The advisory lock of migrations and seeds; advisory locks are a database's own, so one key serves all. The numbers are the first bytes of
 * SHA-256('vital-ops migrations'), to be nobody else's.
 */
const key = [-69_415_032, 647_508_544] as const

const pollMs = 200
const reminderMs = 10_000

/**
 * Takes the session lock under which migrations and seeds run, and waits for it while another has it, saying who. It is polled: a session
 * that waits inside `pg_advisory_lock` holds a snapshot, for which the holder's CREATE INDEX CONCURRENTLY waits, and both wait for ever
 * (reproduced on PostgreSQL 15 and 18). Failure `migrations-locked` (outcome `locked`).
 */
export async function lockMigrations(
  connection: Connection,
  options: { waitMs: number; output: (line: string) => void; signal?: AbortSignal },
): Promise<Result<void>> {
  const started = performance.now()
  let said = Number.NEGATIVE_INFINITY
  for (;;) {
    const { rows } = await connection.query<{ taken: boolean }>(
      'select pg_catalog.pg_try_advisory_lock($1, $2) as taken',
      [...key],
    )
    if (rows[0]?.taken) return ok(undefined)
    const waited = performance.now() - started
    if (waited >= options.waitMs) return failed(await lockedFailure(connection))
    if (waited - said >= reminderMs) {
      options.output(`waiting for ${await lockHolder(connection)}, who applies migrations or seeds to this database`)
      said = waited
    }
    await pause(pollMs, undefined, options.signal && { signal: options.signal })
  }
}

/** Gives the lock back; the end of the session does so too. */
export async function unlockMigrations(connection: Connection): Promise<void> {
  await connection.query('select pg_catalog.pg_advisory_unlock($1, $2)', [...key])
}

/** Who has the lock, for people. */
async function lockHolder(connection: Connection): Promise<string> {
  const { rows } = await connection.query<{ application: string; user: string; pid: number; since: string | null }>(
    `select a.application_name as application, a.usename as user, a.pid, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') as since
     from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.classid::int8 = $1 and l.objid::int8 = $2 and l.objsubid = 2
       and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())`,
    // Both are unsigned in pg_locks.
    key.map((part) => part >>> 0),
  )
  const [holder] = rows
  if (holder === undefined) return 'somebody who is just ending'
  const since = holder.since === null ? '' : `, connected since ${holder.since}`
  return `${holder.application || 'a session without a name'} (user ${holder.user}, server process ${holder.pid}${since})`
}

async function lockedFailure(connection: Connection) {
  return {
    code: 'migrations-locked',
    message: `${await lockHolder(connection)} applies migrations or seeds to this database`,
    next: ['wait until it is done, then run the command again', 'task migrate status'],
    outcome: 'locked' as const,
  }
}

import { failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { isServerError } from '../failures.ts'

/** How long a statement waits for a lock before it gives way to the queue behind it; the migration is tried again. */
export const lockTimeout = '5s'

/**
 * Makes a connection fit for migrations, or says why it is not. A pooler between here and the server hands each transaction to any of its
 * sessions, so that a session lock protects nothing: the server's pid then is not the one that the connection was told, or changes. Failure
 * `pooler-between`. Also tells the server's major version.
 */
export async function prepareSession(connection: Connection): Promise<Result<{ major: number }>> {
  const told = (connection as Connection & { processID: number | null }).processID
  const pids: number[] = []
  for (let call = 0; call < 2; call++) {
    const { rows } = await connection.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')
    pids.push(rows[0]?.pid ?? 0)
  }
  if (pids.some((pid) => pid !== told)) {
    return failed({
      code: 'pooler-between',
      message: 'a connection pooler (PgBouncer?) stands between vital-ops and the database server',
      why: `the server says it is process ${[...new Set(pids)].join(', then ')}, the connection was told ${told}; migrations need one session, for their lock`,
      next: ["set the database's url to the server itself, not the pooler (usually port 5432)"],
      outcome: 'unchanged',
    })
  }
  await resetSession(connection)
  const { rows } = await connection.query<{ version: string }>(
    `select pg_catalog.current_setting('server_version_num') as version`,
  )
  return ok({ major: Math.floor(Number(rows[0]?.version) / 10_000) })
}

/** Servers that cannot look whether this process still lives: before PostgreSQL 14, and on systems that cannot tell. */
const cannotCheck = new WeakSet<Connection>()

/** Takes back what a migration has set for its session, and sets what holds for the next one: one round trip. */
export async function resetSession(connection: Connection): Promise<void> {
  const reset = [
    'reset session authorization; reset role; reset all; discard temp',
    `set lock_timeout = '${lockTimeout}'`,
    // Limits that somebody set for the role are meant for its queries, not for the schema's changes.
    'set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set standard_conforming_strings = on',
  ].join('; ')
  if (!cannotCheck.has(connection)) {
    try {
      // The server notices within a second that this process was killed, ends the statement and frees its locks.
      await connection.query(`${reset}; set client_connection_check_interval = '1s'`)
      return
    } catch (error) {
      if (!isServerError(error)) throw error
      cannotCheck.add(connection)
    }
  }
  await connection.query(reset)
}

/** Sets how long statements wait for locks. */
export async function setLockTimeout(connection: Connection, value: string): Promise<void> {
  await connection.query(`set lock_timeout = '${value}'`)
}

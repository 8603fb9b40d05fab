import pg from 'pg'
import { type Log, reason } from './log.ts'

/** PostgreSQL could not be asked: it is down, unreachable, out of connections, or ended this one. Not a mistake in the question. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable'
}

/** The questions a service asks of PostgreSQL. */
export type Database = {
  /** Runs one statement. Throws `DatabaseUnavailable` when it could not be asked, PostgreSQL's own error otherwise. */
  query<Row extends pg.QueryResultRow>(statement: string, values?: unknown[]): Promise<Row[]>
  /** Ends the connections, after the statements under way. */
  close(): Promise<void>
}

/** SQLSTATE classes that speak of the server and not of the statement: connection, resources, operator intervention. */
const unavailableClasses = ['08', '53', '57']
/** In class 57 all the same: the statement took too long, or somebody cancelled it. */
const queryCanceled = '57014'

/**
 * Opens a pool of connections, each made when it is first needed, so that a service starts before its database does and
 * outlives its outages.
 */
export function openDatabase(url: URL, service: string, log: Log): Database {
  const pool = new pg.Pool({
    connectionString: url.href,
    application_name: `endpoint-statistics ${service}`,
    max: 10,
    connectionTimeoutMillis: 2000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 15_000,
  })
  // A connection that breaks while nobody uses it reports here; unheard, it would end the process.
  pool.on('error', (error) => log.warn('a connection to the database broke', { reason: reason(error) }))
  return {
    async query<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []) {
      try {
        return (await pool.query<Row>(statement, values)).rows
      } catch (error) {
        throw isUnavailable(error) ? new DatabaseUnavailable(reason(error), { cause: error }) : error
      }
    },
    close: () => pool.end(),
  }
}

/** Whether an error of pg says that the server could not be asked: anything that is not an answer of the server itself. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return error.code !== queryCanceled && unavailableClasses.includes((error.code ?? '').slice(0, 2))
}

import type { Failure } from '../model/failure.ts'
import { tlsFailure } from './tls.ts'

/** What failures say of a connection: everything but the password. */
export type DatabaseName = { host: string; port: number; database: string; user: string }

/** An error of PostgreSQL or of the connection, as pg throws it. Fields are those of the protocol's ErrorResponse. */
export type PostgresError = Error & {
  /** SQLSTATE, or an errno name for the connection's own errors. */
  code?: string
  severity?: string
  detail?: string
  hint?: string
  position?: string
  where?: string
  constraint?: string
  table?: string
  schema?: string
}

/** Whether the server itself reported the error: only then is `code` an SQLSTATE. */
export const isServerError = (error: unknown): error is PostgresError =>
  error instanceof Error && typeof (error as PostgresError).severity === 'string'

const unreachable = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOENT',
])
/** 57P01 admin_shutdown, 57P02 crash_shutdown, 08xxx connection exceptions, 25P03 idle in transaction, 57P05 idle session. */
const lost = /^(57P01|57P02|57P05|25P03|08\d{3}|ECONNRESET|EPIPE)$/

/** Whether an error means that the connection is gone, whatever it was doing. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message } = error as PostgresError
  return (
    lost.test(code ?? '') || /^(Connection terminated|Client has encountered a connection error)/.test(message ?? '')
  )
}

/**
 * The failure that an error of pg is; undefined for an error that is no matter of the database (a defect). Holds no password: PostgreSQL does
 * not repeat it, and the address is shown in parts.
 */
export function databaseFailure(error: unknown, at: DatabaseName): Failure | undefined {
  const first = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof Error)) return undefined
  const { code, message, severity } = first as PostgresError
  const server = `${at.host}:${at.port}`
  if (code !== undefined && unreachable.has(code)) return notReachable(server, code, message)
  if (/timeout expired|timeout exceeded/.test(message)) return notReachable(server, 'ETIMEDOUT', message)
  if (isConnectionLost(first)) {
    return {
      code: 'database-connection-lost',
      message: `the connection to the database ${at.database} on ${server} was lost`,
      why: message,
      next: ['task services status', 'run the command again: what was committed stays, the rest is done anew'],
    }
  }
  if (severity === undefined) return tlsFailure(first, server)
  return serverFailure(first as PostgresError, at, server)
}

function notReachable(server: string, code: string, message: string): Failure {
  return {
    code: 'database-unreachable',
    message: `no database answers on ${server}`,
    why: code === 'ECONNREFUSED' ? 'connection refused: nothing listens there' : message || code,
    next: ['task services status', 'task services up'],
  }
}

function serverFailure(error: PostgresError, at: DatabaseName, server: string): Failure {
  switch (error.code) {
    case '28P01':
    case '28000':
      return {
        code: 'database-login-refused',
        message: `the database on ${server} refuses the user ${at.user}`,
        why: `${error.message}; the password of the environment does not fit, or the user may not log in`,
        next: ['task setup', 'check the password in the .env file of the environment'],
      }
    case '3D000':
      return {
        code: 'database-missing',
        message: `there is no database ${at.database} on ${server}`,
        why: error.message,
        next: ['task setup'],
      }
    case '57P03':
      return {
        code: 'database-starting',
        message: `the database server on ${server} is not ready yet`,
        why: error.message,
        next: ['task services status', 'try again in a few seconds'],
      }
    case '53300':
      return {
        code: 'database-full',
        message: `the database server on ${server} takes no more connections`,
        why: error.message,
        next: ['end clients that hold connections, or raise max_connections'],
      }
    default:
      return {
        code: 'database-error',
        message: `${error.message} (SQLSTATE ${error.code})`,
        ...(detailOf(error) && { why: detailOf(error) as string }),
      }
  }
}

/** PostgreSQL's detail, hint and context on one line; undefined if it gave none. */
export function detailOf(error: PostgresError): string | undefined {
  const parts = [error.detail, error.hint && `hint: ${error.hint}`, error.where && `in ${error.where}`]
  const text = parts.filter((part) => part).join('; ')
  return text === '' ? undefined : text.replace(/\s+/g, ' ')
}

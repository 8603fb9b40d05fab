import { connect as connectSocket, Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Client } from 'pg'
import { FailureError, failed, type Result } from '../model/failure.ts'
import type { DatabaseTls } from '../model/platform.ts'
import type { Secret } from '../model/secret.ts'
import { databaseFailure } from './failures.ts'
import { tlsOptions } from './tls.ts'

/** How a database is reached. */
export type DatabaseAddress = {
  host: string
  port: number
  database: string
  user: string
  password: Secret
  /** Without it, none is spoken. */
  tls?: DatabaseTls
  /** Shown in pg_stat_activity: `vital-ops/<run>`, by which recovery finds what a dead run left working. */
  applicationName: string
  /** The role that the session acts as, if it is not the user itself; RESET ROLE comes back to it. */
  role?: string
  /** Ends the use: the running statement is cancelled on the server, then the connection is closed. */
  signal?: AbortSignal
}

/** A connection that is open. */
export type Connection = Client

const connectTimeoutMs = 10_000
const cancelGraceMs = 3000

/** The application name of a run's sessions. PostgreSQL keeps 63 bytes of it. */
export const applicationName = (run: string): string => `vital-ops/${run}`.slice(0, 63)

/**
 * Opens one connection, uses it, and closes it whatever happens. Failures of the use are passed on; what pg throws becomes a failure:
 * `database-unreachable`, `database-login-refused`, `database-missing`, `database-starting`, `database-full`,
 * `database-connection-lost`, `database-certificate-refused`, `database-tls-refused`, `root-certificate-unread`, `database-error`, `aborted`. Every other thrown error is a defect and is thrown on.
 */
export async function withDatabase<T>(
  address: DatabaseAddress,
  use: (connection: Connection) => Promise<Result<T>>,
): Promise<Result<T>> {
  const { signal } = address
  if (signal?.aborted) return failed(abortedFailure)
  const { tls } = address
  let ssl: ConnectionOptions | undefined
  try {
    ssl = tls && (await tlsOptions(tls))
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [FailureError['failures'][0]]))
    throw error
  }
  // Loaded late: commands without a database need not pay for it.
  const { default: pg } = await import('pg')
  const socket = new Socket()
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: address.password.reveal(),
    application_name: address.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    ...(address.role !== undefined && { options: `-c role=${address.role.replace(/[\\ ]/g, '\\$&')}` }),
    ...(ssl && { ssl }),
    keepAlive: true,
    stream: () => socket,
  })
  // A lost connection also rejects the running query; without a listener the event alone would end the process.
  client.on('error', () => {})
  let force: NodeJS.Timeout | undefined
  const abort = () => {
    cancelStatement(client, address)
    force = setTimeout(() => socket.destroy(), cancelGraceMs)
  }
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await client.connect()
    const result = await use(client)
    // What was refused because it was cancelled is no failure of its own.
    return signal?.aborted && !result.ok ? failed(abortedFailure) : result
  } catch (error) {
    if (signal?.aborted) return failed(abortedFailure)
    if (error instanceof FailureError) return failed(...(error.failures as [FailureError['failures'][0]]))
    const failure = databaseFailure(error, address)
    if (failure === undefined) throw error
    return failed(failure)
  } finally {
    signal?.removeEventListener('abort', abort)
    await close(client, socket)
    clearTimeout(force)
  }
}

const abortedFailure = {
  code: 'aborted',
  message: 'the work on the database was ended, because the command was interrupted',
}

/**
 * Asks the server to cancel what the session is doing, over a connection of its own (protocol: CancelRequest, 80877102). Closing the socket
 * would not do: the server notices that only when it has something to say.
 */
function cancelStatement(client: Client, { host, port }: Pick<DatabaseAddress, 'host' | 'port'>): void {
  const { processID, secretKey } = client as Client & { processID: number | null; secretKey: number | null }
  if (processID === null || secretKey === null) return
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(80_877_102, 4)
  request.writeInt32BE(processID, 8)
  request.writeInt32BE(secretKey, 12)
  const socket = connectSocket({ host, port, timeout: cancelGraceMs }, () => socket.end(request))
  socket.on('timeout', () => socket.destroy())
  socket.on('error', () => {})
  socket.unref()
}

/** Ends the statement that a session is in the middle of, from outside of it. The session stays. */
export const cancelRunning = (connection: Connection): void =>
  cancelStatement(connection, { host: connection.host, port: connection.port })

async function close(client: Client, socket: Socket): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
  // A server that is frozen answers nothing more; its end must not keep the command.
  const timer = setTimeout(() => socket.destroy(), cancelGraceMs)
  await Promise.race([client.end().catch(() => {}), closed])
  clearTimeout(timer)
  socket.destroy()
}

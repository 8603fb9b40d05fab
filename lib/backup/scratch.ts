import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Connection, withDatabase } from '../database/connect.ts'
import { adminUser, createCluster, readAdminSecret } from '../database/engine/cluster.ts'
import type { Engine } from '../database/engine/postgres.ts'
import { engineProcess } from '../database/engine/server.ts'
import { FailureError, ok, unwrap } from '../model/failure.ts'
import { Secret } from '../model/secret.ts'
import { freePortNear } from '../system/ports.ts'
import { startProcess } from '../system/processes.ts'
import type { Server } from './context.ts'

/** A server that nobody else knows, for the time of a drill or a restore. */
export type ScratchServer = {
  server: Server
  dataFolder: string
  /** Ends it; what was restored is whole in its data folder then, what was empty is not to be used again. The folder stays. */
  stop(): Promise<void>
}

/** Nothing of a scratch server has to survive a power cut. */
const hasty = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_wal_size=2GB', 'autovacuum=off']

/**
 * Makes an empty cluster below `folder` and starts its server, which nothing has to be left of: what is loaded into a table that is as new as its
 * transaction is not logged (wal_level minimal), and its end writes nothing down. Throws `FailureError`.
 */
export async function startEmpty(engine: Engine, folder: string, signal: AbortSignal): Promise<ScratchServer> {
  const cluster = { engine, folder: join(folder, 'scratch'), signal, durable: false }
  const { dataFolder } = unwrap(await createCluster(cluster))
  const password = unwrap(await readAdminSecret(cluster.folder, engine.major))
  return start(engine, dataFolder, {
    password,
    settings: [
      ...hasty,
      'wal_level=minimal',
      'max_wal_senders=0',
      'shared_buffers=256MB',
      'maintenance_work_mem=256MB',
    ],
    signal,
    socket: undefined,
    // Immediate shutdown (postgres(1)).
    stopSignal: 'SIGQUIT',
  })
}

/**
 * Starts a server on a restored data folder, which then recovers up to its restore point. Only this user gets in, by a socket in a private folder:
 * whose passwords the cluster has nobody needs to know.
 */
export async function startRestored(
  engine: Engine,
  dataFolder: string,
  folder: string,
  options: { settings: string[]; durable: boolean; signal: AbortSignal },
): Promise<ScratchServer> {
  const socket = await socketFolder(folder)
  const hba = join(folder, 'hba')
  await writeFile(hba, 'local all all trust\n', { mode: 0o600 })
  if (engine.user) for (const path of [socket, hba]) await chown(path, engine.user.uid, engine.user.gid)
  const settings = [
    ...(options.durable ? [] : hasty),
    'listen_addresses=',
    `unix_socket_directories=${socket}`,
    `hba_file=${hba}`,
    ...options.settings,
  ]
  const password = new Secret('none', 'none')
  const removing = () => rm(socket, { recursive: true, force: true })
  try {
    const scratch = await start(engine, dataFolder, { password, settings, signal: options.signal, socket })
    return { ...scratch, stop: () => scratch.stop().finally(removing) }
  } catch (error) {
    await removing()
    throw error
  }
}

/** The longest path of a socket that every system takes (sys/un.h: 104 bytes on macOS), less its name: `/.s.PGSQL.55000`. */
const longestSocketFolder = 103 - 15

/** A private folder for a socket: in `folder`, or where its path would be too long, in that of the system for temporary files. */
async function socketFolder(folder: string): Promise<string> {
  const near = join(folder, 's')
  if (Buffer.byteLength(near) > longestSocketFolder) return mkdtemp('/tmp/vital-ops-')
  await mkdir(near, { recursive: true, mode: 0o700 })
  return near
}

async function start(
  engine: Engine,
  dataFolder: string,
  options: {
    password: Secret
    settings: string[]
    signal: AbortSignal
    socket: string | undefined
    stopSignal?: 'SIGINT' | 'SIGQUIT'
  },
): Promise<ScratchServer> {
  // Far from what services use, and seldom the same for two at once.
  const port = (await freePortNear(40_000 + Math.floor(Math.random() * 15_000))) ?? 0
  const { stopSignal: _, stopTarget, ...how } = unwrap(await engineProcess(engine, { dataFolder, port }))
  const lines: string[] = []
  const take = (chunk: Buffer) => {
    lines.push(
      ...chunk
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== ''),
    )
    lines.splice(0, Math.max(0, lines.length - 20))
  }
  const { password, stopSignal = 'SIGINT' } = options
  const argv: typeof how.argv = [...how.argv, ...options.settings.flatMap((setting) => ['-c', setting])]
  const running = unwrap(
    await startProcess({ ...how, argv, stopSignal, stopTarget, graceMs: 60_000, stdout: take, stderr: take }),
  )
  const server: Server = { host: options.socket ?? '127.0.0.1', port, user: adminUser, password }
  const stop = async () => {
    await running.stop({ signal: stopSignal, graceMs: 60_000 })
  }
  try {
    let exited = false
    void running.exited.then(() => {
      exited = true
    })
    for (;;) {
      options.signal.throwIfAborted()
      if (exited) throw new FailureError(didNotStart(engine, lines))
      const answer = await withDatabase(
        { ...server, database: 'postgres', applicationName: 'vital-ops/scratch' },
        async (connection) => ok(await inRecovery(connection)),
      )
      if (answer.ok && !answer.value) return { server, dataFolder, stop }
      await pause(50)
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function inRecovery(connection: Connection): Promise<boolean> {
  const { rows } = await connection.query<{ is: boolean }>('select pg_is_in_recovery() as is')
  return rows[0]?.is !== false
}

const didNotStart = (engine: Engine, lines: string[]) => ({
  code: 'scratch-not-started',
  message: `PostgreSQL ${engine.version} did not start on what was restored`,
  lines: [...lines],
})

/** Calls `use` with a private folder that goes away afterwards, whatever happens. */
export async function inFolder<T>(folder: string, use: (folder: string) => Promise<T>): Promise<T> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o711 })
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

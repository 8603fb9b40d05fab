import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { Engine } from './postgres.ts'
import { serverEnvironment } from './program.ts'
import { removeStalePid, runningServer } from './running.ts'
import { engineUser, folderNotEnterable, notEnterable } from './user.ts'

/** How the supervisor starts a server. */
export type EngineProcess = {
  argv: [string, ...string[]]
  env: Record<string, string>
  cwd: string
  uid?: number
  gid?: number
  /** Fast shutdown: sessions are ended, nothing needs recovery (postgres(1)). */
  stopSignal: 'SIGINT'
  /** The server ends its own children. */
  stopTarget: 'leader'
}

/**
 * What is set for every embedded server. Given on the command line, so that it holds whatever is in the data folder; everything else is PostgreSQL's
 * default and may be changed with ALTER SYSTEM.
 */
const settings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // Logs go to the supervisor, which keeps and rotates them.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] %q%u@%d %a ',
  log_timezone: 'UTC',
  // What was acknowledged survives a power cut.
  fsync: 'on',
  full_page_writes: 'on',
  // One laptop, several environments: a quarter of the default's disk for WAL; memory is only taken when it is used.
  shared_buffers: '128MB',
  max_wal_size: '256MB',
  min_wal_size: '64MB',
  max_connections: '100',
  huge_pages: 'off',
  // A query whose client is gone ends, instead of going on with its locks.
  client_connection_check_interval: '1s',
}

/**
 * How to start the server on a data folder, after what stands in the way of a start is cleared: a `postmaster.pid` whose pid another
 * process has got. Failures: `data-folder-missing`, `database-major-changed`, `data-folder-foreign`, `data-folder-not-enterable`,
 * `server-already-running` (see `runningServer`).
 */
export async function engineProcess(
  engine: Engine,
  options: { dataFolder: string; port: number },
): Promise<Result<EngineProcess>> {
  const { dataFolder, port } = options
  const owner = await stat(dataFolder).catch(() => undefined)
  const version = await readFile(join(dataFolder, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (owner === undefined || version === undefined) return failed(dataMissing(dataFolder))
  if (Number.parseInt(version, 10) !== engine.major) return failed(wrongMajor(dataFolder, version.trim(), engine.major))
  const account = await accountFor(dataFolder, owner)
  if (!account.ok) return account
  const running = await runningServer(dataFolder)
  if (running !== undefined) return failed(alreadyRunning(dataFolder, running))
  await removeStalePid(dataFolder)
  return ok({
    argv: [
      join(engine.bin, 'postgres'),
      '-D',
      dataFolder,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: serverEnvironment(),
    cwd: '/',
    ...(account.value && { uid: account.value.uid, gid: account.value.gid }),
    stopSignal: 'SIGINT',
    stopTarget: 'leader',
  })
}

type Account = { uid: number; gid: number }

/** The data's owner runs the server (PostgreSQL insists, miscinit.c checkDataDir); root becomes that user, others must be it. */
async function accountFor(dataFolder: string, owner: Account): Promise<Result<Account | undefined>> {
  const self = process.getuid?.()
  if (self !== 0) return owner.uid === self ? ok(undefined) : failed(foreignData(dataFolder, owner.uid))
  if (owner.uid === 0) return failed(foreignData(dataFolder, 0))
  const known = engineUser()
  const name = known.ok && known.value?.uid === owner.uid ? known.value.name : `user ${owner.uid}`
  const blocked = await notEnterable(dataFolder, { name, ...owner })
  if (blocked !== undefined) return failed(folderNotEnterable(dataFolder, blocked, { name, ...owner }))
  return ok({ uid: owner.uid, gid: owner.gid })
}

function dataMissing(dataFolder: string): Failure {
  return {
    code: 'data-folder-missing',
    message: 'the database has no data folder',
    place: { file: dataFolder },
    next: ['task setup'],
    outcome: 'unchanged',
  }
}

function wrongMajor(dataFolder: string, found: string, wanted: number): Failure {
  return {
    code: 'database-major-changed',
    message: `the service wants PostgreSQL ${wanted}, but its data are those of PostgreSQL ${found}`,
    place: { file: join(dataFolder, 'PG_VERSION') },
    next: [`set version: ${found} in the service's local section`],
    outcome: 'unchanged',
  }
}

function foreignData(dataFolder: string, uid: number): Failure {
  return {
    code: 'data-folder-foreign',
    message: `the database's data belong to ${uid === 0 ? 'root, under whom PostgreSQL does not run' : `user ${uid}`}`,
    place: { file: dataFolder },
    why: 'PostgreSQL only runs as the owner of its data',
    next: [uid === 0 ? `chown -R postgres ${dataFolder}` : 'run the command as that user, or as root'],
    outcome: 'unchanged',
  }
}

function alreadyRunning(dataFolder: string, pid: number): Failure {
  return {
    code: 'server-already-running',
    message: `a PostgreSQL server already works on ${dataFolder} (pid ${pid})`,
    place: { file: dataFolder },
    why: 'two servers on one data folder would destroy it',
    next: [`kill -INT ${pid}`],
  }
}

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connection } from '../../../lib/database/connect.ts'
import { withDatabase } from '../../../lib/database/connect.ts'
import { adminUser, createCluster, readAdminSecret } from '../../../lib/database/engine/cluster.ts'
import { type Engine, locateEngine } from '../../../lib/database/engine/postgres.ts'
import { engineProcess } from '../../../lib/database/engine/server.ts'
import { ok, type Result, unwrap } from '../../../lib/model/failure.ts'
import { Secret } from '../../../lib/model/secret.ts'
import { type RunningProcess, startProcess } from '../../../lib/system/processes.ts'
import { freePort, repository, skip, temporaryFolder, until } from '../../support/index.ts'

/** A server for tests, on a folder of its own. */
export type TestServer = {
  engine: Engine
  folder: string
  dataFolder: string
  port: number
  password: Secret
  process: RunningProcess
  log(): string
  /** Runs statements as administrator, in `database` (default postgres), and returns the last one's rows. */
  query(sql: string, values?: unknown[], database?: string): Promise<Record<string, unknown>[]>
  /** A connection as administrator for the time of `use`. */
  connect<T>(use: (connection: Connection) => Promise<T>, database?: string, applicationName?: string): Promise<T>
  /** An empty database of its own. */
  database(): Promise<string>
  stop(): Promise<void>
  /** Stops it and removes its data: thousands of files, which are not left to the moment at which the process ends. */
  dispose(): Promise<void>
}

/** The embedded engine, or the machine's with `prefer: 'system'` (skips the test where that is not installed). */
export async function testEngine(version = 17, prefer: 'embedded' | 'system' = 'embedded'): Promise<Engine> {
  const folder = temporaryFolder()
  const engine = await locateEngine({
    version,
    prefer,
    workspaceFolder: join(repository, 'example'),
    engineFolder: folder,
  })
  if (!engine.ok || engine.value.kind !== prefer) skip(`PostgreSQL ${version} (${prefer}) is not installed`)
  return engine.value
}

/** How often a server is started whose port somebody else has taken just before. */
const starts = 3

/**
 * Makes a cluster and starts its server. Without fsync unless `durable`: a killed process loses nothing by that, only a power cut would, and
 * tests share a disk.
 */
export async function startServer(
  engine?: Engine,
  folder = join(temporaryFolder(), 'service'),
  options: { durable?: boolean; attempt?: number } = {},
): Promise<TestServer> {
  const used = engine ?? (await testEngine())
  const { dataFolder } = unwrap(await createCluster({ engine: used, folder }))
  const password = unwrap(await readAdminSecret(folder, used.major))
  const port = await freePort()
  const how = unwrap(await engineProcess(used, { dataFolder, port }))
  let log = ''
  const take = (chunk: Buffer) => {
    log += chunk.toString('utf8')
  }
  const argv: typeof how.argv = options.durable ? how.argv : [...how.argv, '-c', 'fsync=off']
  const process = unwrap(await startProcess({ ...how, argv, stdout: take, stderr: take }))
  let databases = 0
  const server: TestServer = {
    engine: used,
    folder,
    dataFolder,
    port,
    password,
    process,
    log: () => log,
    query: (sql, values, database) =>
      server.connect(async (connection) => (await connection.query(sql, values)).rows, database),
    async connect(use, database = 'postgres', applicationName = 'test') {
      return unwrap(
        await withDatabase(
          { host: '127.0.0.1', port, database, user: adminUser, password, applicationName },
          async (c) => ok(await use(c)),
        ),
      )
    },
    async database() {
      const name = `test_${++databases}`
      await server.query(`create database ${name}`)
      return name
    },
    async stop() {
      await process.stop({ graceMs: 10_000 })
    },
    async dispose() {
      await process.stop({ signal: 'SIGQUIT', graceMs: 10_000 })
      await rm(folder, { recursive: true, force: true })
    },
  }
  let ended = false
  void process.exited.then(() => {
    ended = true
  })
  const answers = async () => {
    if (ended) return 'ended'
    await server.query('select 1')
    return 'answers'
  }
  try {
    const state = await until(answers, { what: 'the server to answer', deadline: 60_000 })
    if (state === 'answers') return server
    if (log.includes('could not bind') && (options.attempt ?? 1) < starts) {
      return await startServer(used, folder, { ...options, attempt: (options.attempt ?? 1) + 1 })
    }
    throw new Error('the server ended')
  } catch (error) {
    await server.stop()
    throw new Error(`${(error as Error).message}\n${log.split('\n').slice(-15).join('\n')}`)
  }
}

/** The failure of a result that must have failed. */
export function failureOf<T>(result: Result<T>) {
  if (result.ok) throw new Error(`expected a failure, got ${JSON.stringify(result.value)}`)
  return result.failures[0]
}

/** A secret for tests. */
export const secret = (value: string, name = 'POSTGRES_PASSWORD'): Secret => new Secret(name, value)

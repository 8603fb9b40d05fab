import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ManifestSource } from '../../model/backup.ts'
import { FailureError, unwrap } from '../../model/failure.ts'
import { findProgram } from '../../system/machine.ts'
import { freePortNear } from '../../system/ports.ts'
import { startProcess } from '../../system/processes.ts'
import { RedisConnection } from '../redis/connection.ts'
import { info } from '../redis/contents.ts'
import { fetchTo, fileOf, type Opened } from './files.ts'

/** A server on a restored snapshot that nobody else knows. */
export type ScratchRedis = { connection: RedisConnection; version: string; stop(): Promise<void> }

/** As many numbered databases as a snapshot may have; most servers have 16. */
const databases = 1024

/** How long a server that does not answer yet is waited for, in milliseconds: as long as it runs, it loads. */
const pauseMs = 50

/**
 * Brings a snapshot to the disk and starts a server on it, which reads all of it and compares its own checksum. Throws `FailureError`: `no-redis-server`,
 * `scratch-not-started`.
 */
export async function startScratchRedis(
  opened: Opened,
  source: ManifestSource,
  folder: string,
  signal: AbortSignal,
): Promise<ScratchRedis> {
  const program = findProgram('redis-server') ?? findProgram('valkey-server')
  if (program === undefined) throw new FailureError(noServer(source))
  const rdb = join(folder, `${source.name}.rdb`)
  await fetchTo(opened, fileOf(opened, source.name, 'rdb'), rdb)
  const port = (await freePortNear(40_000 + Math.floor(Math.random() * 15_000))) ?? 0
  const password = randomBytes(24).toString('hex')
  const settings = join(folder, `${source.name}.conf`)
  // In a file: others can read arguments.
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `requirepass ${password}`,
    `dir ${JSON.stringify(folder)}`,
    `dbfilename ${source.name}.rdb`,
    `databases ${databases}`,
    'save ""',
    'appendonly no',
    'daemonize no',
  ]
  await writeFile(settings, `${lines.join('\n')}\n`, { mode: 0o600 })
  const said: string[] = []
  const take = (chunk: Buffer) => {
    said.push(...chunk.toString('utf8').split('\n').filter(Boolean))
    said.splice(0, Math.max(0, said.length - 20))
  }
  const running = unwrap(
    await startProcess({ argv: [program, settings], cwd: folder, graceMs: 10_000, stdout: take, stderr: take }),
  )
  let exited = false
  void running.exited.then(() => {
    exited = true
  })
  const stop = async () => {
    await running.stop({ graceMs: 10_000 })
    await rm(rdb, { force: true })
  }
  try {
    for (;;) {
      signal.throwIfAborted()
      if (exited) throw new FailureError(didNotStart(said))
      const address = { host: '127.0.0.1', port, tls: false, password }
      const connection = await RedisConnection.open(address, signal).catch(() => undefined)
      // Another server that took the port first does not know the password.
      if (connection) {
        const version = (await info(connection, 'server')).get('redis_version') ?? ''
        return {
          connection,
          version,
          stop: async () => {
            connection.close()
            await stop()
          },
        }
      }
      await pause(pauseMs)
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const noServer = ({ name, server }: ManifestSource) => ({
  code: 'no-redis-server',
  message: `the snapshot of ${name} is read by redis-server${server ? ` ${server} or newer` : ''}, which is not on this machine`,
  next: ['apt-get install redis-server'],
  outcome: 'unchanged' as const,
})

const didNotStart = (lines: string[]) => ({
  code: 'scratch-not-started',
  message: 'redis-server did not start on what was restored',
  lines: [...lines],
})

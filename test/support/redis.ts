import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RedisAddress, RedisConnection } from '../../lib/backup/redis/connection.ts'
import { findProgram } from '../../lib/system/machine.ts'
import { temporaryFolder } from './folders.ts'
import { freePort } from './network.ts'
import { killTree } from './processes.ts'
import { type Running, start } from './programs.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

/** A real Redis server of a test. */
export type TestRedis = {
  address: RedisAddress
  folder: string
  pid: number
  call: RedisConnection['call']
  connection: RedisConnection
  stop(): Promise<void>
}

/** Starts a server in a folder of its own; skips where redis-server is not installed. */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const program = findProgram('redis-server')
  if (program === undefined) return skip('redis-server is not installed')
  const folder = temporaryFolder()
  const port = await freePort()
  const password = 'secret-of-tests'
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, `requirepass ${password}`, 'save ""', ...settings]
  writeFileSync(join(folder, 'redis.conf'), `${lines.join('\n')}\n`)
  const server: Running = start([program, join(folder, 'redis.conf')], { timeout: 600_000 })
  await until(() => server.stdout().includes('Ready to accept connections'), {
    what: 'Redis to listen',
    deadline: 60_000,
  })
  const address: RedisAddress = { host: '127.0.0.1', port, tls: false, password }
  const open = () => RedisConnection.open(address, new AbortController().signal)
  const connection = await open()
  let own = connection
  let used = performance.now()
  return {
    address,
    folder,
    pid: server.pid,
    connection,
    async call(...words) {
      // One that was silent while a command took its time on a busy machine has been closed (redis/connection.ts).
      if (performance.now() - used > 60_000) {
        own.close()
        own = await open()
      }
      const reply = await own.call(...words)
      used = performance.now()
      return reply
    },
    stop: async () => {
      own.close()
      connection.close()
      await killTree(server.pid)
    },
  }
}

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { freePort, skip, until } from '../../support/index.ts'

/** A real redis-server without persistence. */
export type TestRedis = { port: number; stop(): Promise<void> }

/** Starts redis-server on a port (a free one unless given), with a password if given. Skips the test without redis-server. */
export async function startRedis({ port, password }: { port?: number; password?: string } = {}): Promise<TestRedis> {
  if (spawnSync('redis-server', ['--version']).status !== 0) skip('redis-server is not installed')
  const taken = port ?? (await freePort())
  const flags = ['--bind', '127.0.0.1', '--port', String(taken), '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', [...flags, ...(password ? ['--requirepass', password] : [])], { stdio: 'ignore' })
  const exit = once(child, 'exit')
  await until(
    async () => {
      const socket = net.connect(taken, '127.0.0.1')
      await once(socket, 'connect')
      socket.destroy()
      return true
    },
    { what: 'redis listens', deadline: 30_000 },
  )
  return {
    port: taken,
    stop: async () => {
      child.kill('SIGKILL')
      await exit
    },
  }
}

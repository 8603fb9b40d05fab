import { connect, createServer, type Socket } from 'node:net'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { errorCode } from './files.ts'

/** A port of this machine that leads to another address. */
export type PortRelay = { port: number; close(): Promise<void> }

/**
 * Opens a port on loopback whose connections go to an address; 0 is any port that is free. Failures: `port-in-use`, and what else keeps it from being
 * listened on (`port-not-opened`).
 */
export async function openPortRelay(
  local: number,
  address: { host: string; port: number },
): Promise<Result<PortRelay>> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    keep(client)
    const upstream = keep(connect({ ...address, allowHalfOpen: true }))
    client.pipe(upstream).pipe(client)
    // What was cut must not look like an end.
    upstream.once('close', () => (upstream.readableEnded ? client.end() : client.resetAndDestroy()))
    client.once('close', () => upstream.destroy())
  })
  const refused = await new Promise<Failure | undefined>((resolve) => {
    server.once('error', (error) => resolve(notOpened(local, error)))
    server.listen(local, '127.0.0.1', () => resolve(undefined))
  })
  const place = server.address()
  if (refused || place === null || typeof place === 'string') return failed(refused ?? notOpened(local))
  return ok({
    port: place.port,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
}

const notOpened = (port: number, error?: Error): Failure => ({
  code: errorCode(error) === 'EADDRINUSE' ? 'port-in-use' : 'port-not-opened',
  message: `the port ${port} of this machine could not be opened`,
  why: errorCode(error) === 'EADDRINUSE' ? 'somebody else listens on it' : (error?.message ?? 'it has no number'),
  next: [`choose another one, or none (:${port}) to get one that is free`],
  outcome: 'unchanged',
})

import { connect as connectTcp, isIP, type Socket } from 'node:net'

/** A connection over which bytes go both ways. */
export type SocketStream = Socket

/** Where a server listens. */
export type SocketPlace = { host: string; port: number; tls: boolean }

const connectMs = 10_000

/**
 * Opens a TCP or TLS connection. Rejects with the error of the network, when the server does not answer within 10 s, or when `signal` is aborted; an
 * open connection is destroyed by `signal`, and when nothing comes or goes for `silenceMs`.
 */
export async function openStream(
  { host, port, tls }: SocketPlace,
  { signal, silenceMs }: { signal: AbortSignal; silenceMs: number },
): Promise<SocketStream> {
  signal.throwIfAborted()
  const socket = tls
    ? // Loaded late: hardly anything needs it.
      (await import('node:tls')).connect({ host, port, ...(isIP(host) === 0 && { servername: host }) })
    : connectTcp({ host, port })
  const abort = () => socket.destroy(new Error('the command was interrupted'))
  signal.addEventListener('abort', abort, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', abort))
  socket.setTimeout(connectMs, () => socket.destroy(new Error('it does not answer')))
  await new Promise<void>((resolve, reject) => {
    socket.once(tls ? 'secureConnect' : 'connect', resolve)
    socket.once('error', reject)
  })
  socket.setTimeout(silenceMs)
  socket.setNoDelay(true)
  // Whoever reads meets it; nobody may be reading.
  socket.on('error', () => {})
  return socket
}

import { createServer } from 'node:net'
import { errorCode } from './files.ts'
import { findListener, type PortOwner } from './port-owner.ts'

/** What keeps a port from being listened on, if anything does. */
export type PortState = 'free' | 'in-use' | 'denied' | 'no-such-address'

/**
 * Whether a server could listen on that address and port now, tried by doing it. `denied`: the port is below 1024 and this user
 * may not; `no-such-address`: the host is not an address of this machine.
 */
export async function portState(host: string, port: number): Promise<PortState> {
  const state = await listenOnce(host, port)
  // macOS lets a server take 127.0.0.1:80 beside one that has *:80; clients would then reach either.
  if (state === 'free' && process.platform === 'darwin' && (await findListener(port))) return 'in-use'
  return state
}

/** Whether a server could listen on that address and port now. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  return (await portState(host, port)) === 'free'
}

/**
 * Who listens on a TCP port: undefined if nobody does. Another user's process is known to be there (with its user), but its pid and
 * command only to root.
 */
export function portOwner(port: number): Promise<PortOwner | undefined> {
  return findListener(port)
}

/** How many ports after the wanted one are tried. */
const alternatives = 1000

/**
 * The next free port after `port` that is not among `taken` (ports that are promised to others); undefined if the next thousand are all
 * in use. Behind 65535 it goes on at 1024.
 */
export async function freePortNear(
  port: number,
  taken: Iterable<number> = [],
  host = '127.0.0.1',
): Promise<number | undefined> {
  const promised = new Set(taken)
  for (let step = 1; step <= alternatives; step++) {
    const candidate = port + step <= 65_535 ? port + step : 1023 + step
    if (!promised.has(candidate) && (await isPortFree(host, candidate))) return candidate
  }
  return undefined
}

function listenOnce(host: string, port: number): Promise<PortState> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => {
      const state = states[errorCode(error) ?? '']
      if (state) resolve(state)
      else reject(error)
    })
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve('free'))
    })
  })
}

const states: Record<string, PortState> = {
  EADDRINUSE: 'in-use',
  EACCES: 'denied',
  EPERM: 'denied',
  EADDRNOTAVAIL: 'no-such-address',
  ENOTFOUND: 'no-such-address',
  EAFNOSUPPORT: 'no-such-address',
}

export type { PortOwner } from './port-owner.ts'

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Log, reason } from './log.ts'
import { SettingsError } from './settings.ts'

/** EX_CONFIG of sysexits.h: starting again without a change of configuration is in vain. */
const configurationError = 78

/** How long requests and statements under way may take once the process is told to end, in milliseconds. */
const shutdownPatience = 20_000

/** Runs a service's start; settings that do not fit, and a port that is taken, end the process with a message for a person. */
export async function run(service: string, start: () => Promise<void>): Promise<void> {
  try {
    await start()
  } catch (error) {
    const problems = error instanceof SettingsError ? error.problems : [reason(error)]
    process.stderr.write(`${service} cannot start:\n${problems.map((problem) => `  ${problem}\n`).join('')}`)
    process.exit(error instanceof SettingsError ? configurationError : 1)
  }
}

/** Listens, and says where. Throws when the port is taken or not allowed. */
export async function listen(server: Server, host: string, port: number, log: Log): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  log.info('listening', { host: address.address, port: address.port })
}

/**
 * On SIGTERM or SIGINT: accepts no more, lets the requests under way finish, closes what the service holds, and ends with
 * status 0. When that takes too long, or on a second signal, it ends at once with status 1.
 */
export function shutdownOnSignal(server: Server, log: Log, close: () => Promise<void>): void {
  let ending = false
  const shutdown = async (signal: NodeJS.Signals): Promise<void> => {
    if (ending) process.exit(1)
    ending = true
    log.info('shutting down', { signal })
    setTimeout(() => {
      log.error('shutdown took too long', { patience: shutdownPatience })
      process.exit(1)
    }, shutdownPatience).unref()
    const closed = once(server, 'close')
    server.close()
    await closed
    await close()
    log.info('stopped')
    process.exit(0)
  }
  process.on('SIGTERM', shutdown)
  process.on('SIGINT', shutdown)
}

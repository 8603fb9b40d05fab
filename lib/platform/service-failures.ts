import type { Failure } from '../model/failure.ts'

/** A service is needed that does not run. `name`: what of it, where it is one container of several. */
export const notRunning = (service: string, name = service): Failure => ({
  code: 'service-not-running',
  message: `${name} is not running`,
  service,
  next: [`task services up ${service}`],
  outcome: 'unchanged',
})

/** A service has no port of that name. `where`: where ports are declared on this platform. */
export const noSuchPort = (service: string, port: string, names: readonly string[], where?: string): Failure => ({
  code: 'no-such-port',
  message: `${service} has no port ${JSON.stringify(port)}`,
  service,
  why: names.length > 0 ? `it has ${names.join(', ')}` : `it has none${where ? ` (${where})` : ''}`,
  outcome: 'unchanged',
})

/** A service did not pass its gate. `lines`: its last log lines. */
export const gateFailed = (service: string, cause: string, lines: string[]): Failure => ({
  code: 'gate-failed',
  message: `${service} did not become ready: ${cause}`,
  service,
  ...(lines.length > 0 && { lines }),
  next: [`task services logs ${service}`],
})

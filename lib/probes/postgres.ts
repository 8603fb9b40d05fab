import { Socket } from 'node:net'
import type { ProbeOf, ProbeTarget } from '../model/probe.ts'
import { ProbeConfigurationError, readUrl, resolvePort } from './address.ts'
import { notPassed, type ProbeRunner, passed } from './probe.ts'
import { connectionProblem, hostPort, urlSecrets } from './text.ts'

/** Passes when the server takes the connection and the query succeeds with a first column that is not false. */
export const postgres: ProbeRunner<'postgres'> = async (probe, { target, signal, timeoutMs }) => {
  const url = addressOf(probe, target)
  const secrets = urlSecrets(url)
  const where = `${hostPort(url.hostname, url.port || '5432')}${url.pathname}`
  const { default: pg } = await import('pg')
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: url.href,
    application_name: 'vital-ops/probe',
    stream: () => socket,
  })
  // Errors of an idle connection are also the rejected promise's; without a listener they would end the process.
  client.on('error', () => {})
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    await client.connect()
    // The server ends the query itself: it does not notice that its client is gone before it has something to say.
    await client.query('begin')
    await client.query(`set local statement_timeout = ${Math.ceil(timeoutMs)}`)
    const result = await client.query({ text: probe.query, rowMode: 'array' })
    await client.query('rollback')
    const first: unknown = (result.rows[0] as unknown[] | undefined)?.[0]
    return first === false
      ? notPassed(`${where}: the query ${JSON.stringify(probe.query)} answers false`, secrets)
      : passed(`${where} answers ${probe.query === 'select 1' ? 'queries' : JSON.stringify(probe.query)}`, secrets)
  } catch (error) {
    return notPassed(problem(error, where), secrets)
  } finally {
    signal.removeEventListener('abort', abort)
    await Promise.race([client.end().catch(() => {}), new Promise((resolve) => socket.once('close', resolve))])
  }
}

function addressOf(probe: ProbeOf<'postgres'>, target: ProbeTarget): URL {
  const text = probe.url ?? target.databaseUrl
  if (text === undefined) {
    throw new ProbeConfigurationError(`no database address is known for ${target.service}: give the probe a url`)
  }
  const url = readUrl(text, ['postgres:', 'postgresql:'])
  if (probe.url === undefined && probe.port !== undefined) url.port = String(resolvePort(probe.port, target))
  return url
}

/** Failures of the server have an SQLSTATE; PostgreSQL's own words are the best there are. */
function problem(error: unknown, where: string): string {
  const { code, message, severity } = error as { code?: string; message?: string; severity?: string }
  if (severity !== undefined) return `${where}: ${message} (SQLSTATE ${code})`
  return connectionProblem(error, where)
}

import { isIP } from 'node:net'
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import { formatDuration, parseDuration } from '../model/duration.ts'
import { notPassed, type ProbeRunner, passed, type Verdict } from './probe.ts'
import { connectionProblem, hostPort } from './text.ts'

/**
 * Passes when the certificate that a TLS server presents, and those that come with it, stay valid long enough. Whether it is trusted here is said,
 * but does not decide: internal authorities are common, and clients decide for themselves.
 */
export const certificate: ProbeRunner<'certificate'> = async (probe, { signal }) => {
  const address = hostPort(probe.host, probe.port)
  const socket = await handshake(probe.host, probe.port, signal).catch((error: unknown) => error)
  if (!isSocket(socket)) return notPassed(`no TLS certificate: ${connectionProblem(socket, address)}`)
  try {
    const first = earliest(socket.getPeerCertificate(true))
    if (first === undefined) return notPassed(`${address} presents no certificate`)
    const trust = socket.authorized ? '' : ` (not trusted here: ${socket.authorizationError})`
    const verdict = judge(first, Date.now(), parseDuration(probe.validFor) ?? 0)
    return { ...verdict, message: `${verdict.message}${trust}` }
  } finally {
    socket.destroy()
  }
}

const isSocket = (value: unknown): value is TLSSocket =>
  typeof value === 'object' && value !== null && 'getPeerCertificate' in value

function handshake(host: string, port: number, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      // RFC 6066 section 3: an address is no server name.
      ...(isIP(host) === 0 && { servername: host }),
      rejectUnauthorized: false,
    })
    const abort = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('close', () => signal.removeEventListener('abort', abort))
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
  })
}

type Dated = { subject: string; from: number; to: number }

/** The certificate of the presented chain that ends first. The root is the client's own affair. */
function earliest(leaf: DetailedPeerCertificate): Dated | undefined {
  const chain: Dated[] = []
  const seen = new Set<string>()
  let next: DetailedPeerCertificate | undefined = leaf
  while (next?.valid_to !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256)
    const selfSigned = next.issuerCertificate?.fingerprint256 === next.fingerprint256
    if (chain.length === 0 || !selfSigned) {
      const subject = [next.subject?.CN ?? next.subjectaltname ?? 'certificate'].flat().join(' ')
      chain.push({ subject, from: Date.parse(next.valid_from), to: Date.parse(next.valid_to) })
    }
    next = next.issuerCertificate
  }
  return chain.reduce<Dated | undefined>((first, one) => (first && first.to <= one.to ? first : one), undefined)
}

/** Judges dates (milliseconds since 1970) against the wanted remaining validity in milliseconds. */
export function judge(dates: Dated, now: number, validForMs: number): Verdict {
  const until = new Date(dates.to).toISOString().slice(0, 16).replace('T', ' ')
  const rest = dates.to - now
  if (rest <= 0) return notPassed(`${dates.subject} expired ${until} UTC, ${formatDuration(-rest)} ago`)
  if (dates.from > now) return notPassed(`${dates.subject} is not valid before ${new Date(dates.from).toISOString()}`)
  const found = `${dates.subject} is valid until ${until} UTC, ${formatDuration(rest)} more`
  return rest < validForMs ? notPassed(`${found}; at least ${formatDuration(validForMs)} wanted`) : passed(found)
}

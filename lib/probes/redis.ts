import { isIP, connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { ProbeOf, ProbeTarget } from '../model/probe.ts'
import { readUrl, resolvePort } from './address.ts'
import { notPassed, type ProbeRunner, passed, type Verdict } from './probe.ts'
import { connectionProblem, hostPort, urlSecrets } from './text.ts'

/** Passes when the server answers PING with PONG, after AUTH and SELECT where the address has a password or a database. */
export const redis: ProbeRunner<'redis'> = async (probe, { target, signal }) => {
  const url = addressOf(probe, target)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port || 6379)
  const where = hostPort(host, port)
  const secrets = urlSecrets(url)
  const socket = open(url, host, port)
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await converse(socket, url, where, secrets)
  } catch (error) {
    return notPassed(connectionProblem(error, where), secrets)
  } finally {
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

function addressOf(probe: ProbeOf<'redis'>, target: ProbeTarget): URL {
  if (probe.url !== undefined) return readUrl(probe.url, ['redis:', 'rediss:'])
  return new URL(`redis://${hostPort(target.host, resolvePort(probe.port, target))}`)
}

function open(url: URL, host: string, port: number): Socket {
  if (url.protocol !== 'rediss:') return netConnect({ host, port })
  return tlsConnect({ host, port, ...(isIP(host) === 0 && { servername: host }) })
}

async function converse(socket: Socket, url: URL, where: string, secrets: string[]): Promise<Verdict> {
  const replies = lines(socket)
  const say = async (...words: string[]): Promise<string> => {
    socket.write(encode(words))
    const { value, done } = await replies.next()
    if (done) throw new Error('the server closed the connection')
    return value
  }
  if (url.password !== '') {
    const user = decodeURIComponent(url.username)
    const reply = await say('AUTH', ...(user === '' ? [] : [user]), decodeURIComponent(url.password))
    if (reply !== '+OK') return notPassed(`${where} refuses the password: ${reply.slice(1)}`, secrets)
  }
  const database = url.pathname.slice(1)
  if (database !== '') {
    const reply = await say('SELECT', database)
    if (reply !== '+OK') return notPassed(`${where} has no database ${database}: ${reply.slice(1)}`, secrets)
  }
  const reply = await say('PING')
  if (reply === '+PONG') return passed(`${where} answers PONG`, secrets)
  if (reply.startsWith('-NOAUTH')) {
    return notPassed(`${where} wants a password: give the probe a url that has it`, secrets)
  }
  return notPassed(
    `${where} answers PING with ${reply.startsWith('-') ? reply.slice(1) : JSON.stringify(reply)}`,
    secrets,
  )
}

/** A command in RESP (the Redis serialisation protocol): an array of bulk strings. */
function encode(words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
}

/** The server's simple replies, one line each. */
async function* lines(socket: Socket): AsyncGenerator<string, void> {
  let rest = ''
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    rest += chunk.toString('utf8')
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      yield rest.slice(0, end)
      rest = rest.slice(end + 2)
    }
    if (rest.length > 65_536) throw new Error('the answer is not the Redis protocol')
  }
}

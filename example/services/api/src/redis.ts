import { connect, type Socket } from 'node:net'
import { reason } from '../../shared/src/log.ts'

type Reply = string | number | null
type Waiting = { resolve(reply: Reply): void; reject(error: Error): void; timer: NodeJS.Timeout }
type Connection = { socket: Socket; waiting: Waiting[] }

/** How long the server may take for one answer, in milliseconds; a cache that is slower than its source is none. */
const patience = 1000
/** How long nothing is tried after the connection was lost, in milliseconds, so that an outage does not slow every request. */
const pause = 1000

/** As much of Redis' protocol (RESP2) as a cache needs. Connects when first asked, and again after a loss. */
export class Redis {
  readonly #url: URL
  #connection: Connection | undefined
  #lost: { at: number; why: string } | undefined

  constructor(url: URL) {
    this.#url = url
  }

  get = (key: string) => this.#ask('GET', key) as Promise<string | null>
  set = (key: string, value: string, seconds: number) => this.#ask('SET', key, value, 'EX', String(seconds))
  ping = () => this.#ask('PING')
  close = () => void this.#connection?.socket.destroy()

  async #ask(...words: string[]): Promise<Reply> {
    if (this.#lost && performance.now() - this.#lost.at < pause) throw new Error(this.#lost.why)
    this.#connection ??= this.#connect()
    const connection = this.#connection
    return new Promise((resolve, reject) => send(connection, words, resolve, reject))
  }

  #connect(): Connection {
    const { hostname, port, username, password, pathname } = this.#url
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) })
    const connection: Connection = { socket, waiting: [] }
    let received: Buffer = Buffer.alloc(0)
    let why = 'the server closed the connection'
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      for (let read = parse(received); read && !socket.destroyed; read = parse(received)) {
        received = received.subarray(read.length)
        const next = connection.waiting.shift()
        clearTimeout(next?.timer)
        if (read.reply instanceof Error) next?.reject(read.reply)
        else next?.resolve(read.reply)
      }
    })
    socket.on('error', (error) => {
      why = reason(error)
    })
    socket.on('close', () => {
      this.#connection = undefined
      this.#lost = { at: performance.now(), why }
      for (const { reject, timer } of connection.waiting.splice(0)) {
        clearTimeout(timer)
        reject(new Error(why))
      }
    })
    // The commands that wait behind a refused greeting fail for its reason.
    const greet = (...words: string[]) =>
      send(
        connection,
        words,
        () => {},
        (error) => socket.destroy(error),
      )
    const credentials = [username, password].filter(Boolean).map(decodeURIComponent)
    if (credentials.length > 0) greet('AUTH', ...credentials)
    if (pathname.length > 1) greet('SELECT', pathname.slice(1))
    return connection
  }
}

/** Sends a command as an array of bulk strings; the server answers in the order of asking. */
function send(
  { socket, waiting }: Connection,
  words: string[],
  resolve: Waiting['resolve'],
  reject: Waiting['reject'],
) {
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${patience} ms`)), patience)
  waiting.push({ resolve, reject, timer })
  socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`)
}

/** The first reply in the bytes received and its length, or undefined while it is incomplete. */
function parse(bytes: Buffer): { reply: Reply | Error; length: number } | undefined {
  const end = bytes.indexOf('\r\n')
  if (end === -1) return undefined
  const line = bytes.toString('utf8', 1, end)
  const length = end + 2
  if (bytes[0] === 0x2d) return { reply: new Error(line), length } // -
  if (bytes[0] === 0x3a) return { reply: Number(line), length } // :
  if (bytes[0] !== 0x24) return { reply: line, length } // +
  const size = Number(line) // $
  if (size === -1) return { reply: null, length }
  if (bytes.length < length + size + 2) return undefined
  return { reply: bytes.toString('utf8', length, length + size), length: length + size + 2 }
}

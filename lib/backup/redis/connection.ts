import { FailureError } from '../../model/failure.ts'
import { openStream, type SocketStream } from '../../system/sockets.ts'

/** Where a Redis is, and how one gets in. */
export type RedisAddress = { host: string; port: number; tls: boolean; user?: string; password?: string }

/** A reply of the server: bulk strings as bytes; an error as one, so that a pipeline goes on. */
export type Reply = Buffer | number | null | RedisError | Reply[]

/** What the server refused. */
export class RedisError {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/** How long a server may be silent, in milliseconds: one that forks for a snapshot is, for a while. */
const silenceMs = 120_000

/** `host:port`, for people. */
export const placeText = ({ host, port }: RedisAddress): string => `redis at ${host}:${port}`

/**
 * A connection to a Redis server in RESP2 (redis.io/docs/reference/protocol-spec). Failures are thrown as `FailureError`: `redis-unreachable`,
 * `redis-connection-lost`, `redis-refused`.
 */
export class RedisConnection {
  readonly address: RedisAddress
  readonly #socket: SocketStream
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  private constructor(address: RedisAddress, socket: SocketStream) {
    this.address = address
    this.#socket = socket
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Opens a connection and logs in. */
  static async open(address: RedisAddress, signal: AbortSignal): Promise<RedisConnection> {
    const where = placeText(address)
    const socket = await openStream(address, { signal, silenceMs }).catch((error: Error) => {
      signal.throwIfAborted()
      throw new FailureError({ code: 'redis-unreachable', message: `${where} cannot be reached`, why: error.message })
    })
    const connection = new RedisConnection(address, socket)
    const { user, password } = address
    try {
      if (password !== undefined) await connection.call('AUTH', ...(user === undefined ? [] : [user]), password)
      await connection.call('PING')
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** One command; a refusal is thrown, with the command's name and never its arguments. */
  async call(...words: (string | Buffer)[]): Promise<Exclude<Reply, RedisError>> {
    const [reply] = await this.pipeline([words])
    if (reply instanceof RedisError) throw this.refused(String(words[0]), reply.message)
    return reply as Exclude<Reply, RedisError>
  }

  /** Several commands at once; what the server refuses stands among the replies. */
  async pipeline(commands: readonly (readonly (string | Buffer)[])[]): Promise<Reply[]> {
    this.#send(Buffer.concat(commands.map(encode)))
    const replies: Reply[] = []
    for (const _ of commands) replies.push(await this.#reply())
    return replies
  }

  /**
   * Asks for a snapshot as a replica does (PSYNC): the RDB as a stream of `bytes`, and the offset at which the server stood. The connection is of no use for
   * anything else afterwards.
   */
  async snapshot(): Promise<{ offset: string; content: AsyncGenerator<Uint8Array> }> {
    // Without `capa eof` its length comes first.
    this.#send(encode(['PSYNC', '?', '-1']))
    const line = await this.#line()
    const [, offset] = /^\+FULLRESYNC \S+ (\d+)/.exec(line) ?? []
    if (offset === undefined) throw this.refused('PSYNC', line.replace(/^[-+]/, ''))
    let announced = ''
    // Newlines keep the connection while the server prepares.
    while (announced === '') announced = await this.#line()
    const length = /^\$(\d+)$/.exec(announced)?.[1]
    if (length === undefined) throw this.refused('PSYNC', announced)
    return { offset, content: this.#take(Number(length)) }
  }

  /** Ends it; what is under way fails. */
  close(): void {
    this.#socket.destroy()
  }

  /** The failure of a command that the server refuses. */
  refused(command: string, why: string): FailureError {
    const locked = /^(NOAUTH|WRONGPASS|NOPERM)/.test(why)
    return new FailureError({
      code: 'redis-refused',
      message: `${placeText(this.address)} refuses ${command}: ${why}`,
      ...(locked && {
        next: ['name the secret with its password under `password` of the source, or a url that has it'],
      }),
    })
  }

  #send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  async *#take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0) await this.#more()
      const part = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  async #reply(): Promise<Reply> {
    const line = await this.#line()
    const text = line.slice(1)
    switch (line[0]) {
      case '+':
        return Buffer.from(text)
      case '-':
        return new RedisError(text)
      case ':':
        return Number(text)
      case '$': {
        const length = Number(text)
        if (length < 0) return null
        const bytes = await this.#bytes(length + 2)
        return bytes.subarray(0, length)
      }
      case '*': {
        const replies: Reply[] = []
        if (Number(text) < 0) return null
        for (let at = 0; at < Number(text); at++) replies.push(await this.#reply())
        return replies
      }
      default:
        throw this.#lost(`it answers ${JSON.stringify(line.slice(0, 40))}, which is not the Redis protocol`)
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if (end >= 0) {
        const line = this.#rest.subarray(0, end).toString('utf8').replace(/\r$/, '')
        this.#rest = this.#rest.subarray(end + 1)
        return line
      }
      if (this.#rest.length > 65_536) throw this.#lost('it does not speak the Redis protocol')
      await this.#more()
    }
  }

  async #bytes(length: number): Promise<Buffer> {
    const parts = [this.#rest]
    let have = this.#rest.length
    // Joined once: a value may be large.
    while (have < length) {
      this.#rest = Buffer.alloc(0)
      await this.#more()
      parts.push(this.#rest)
      have += this.#rest.length
    }
    const all = Buffer.concat(parts)
    this.#rest = all.subarray(length)
    return all.subarray(0, length)
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next().catch((error: Error) => {
      throw this.#lost(error.message)
    })
    if (next.done) throw this.#lost('the server closed it')
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value])
  }

  #lost(why: string): FailureError {
    return new FailureError({
      code: 'redis-connection-lost',
      message: `the connection to ${placeText(this.address)} was lost`,
      why,
    })
  }
}

function encode(words: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

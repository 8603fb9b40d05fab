import { type Failure, FailureError } from '../../model/failure.ts'
import { SftpSession, SftpStatus } from './sftp-session.ts'

/** A folder on another machine. */
export type SftpPlace = {
  /** As `ssh` takes it: a name of `~/.ssh/config`, a host, `user@host`. */
  host: string
  port?: number
  /** File with the private key, in place of what the configuration of `ssh` says. */
  identity?: string
  /** File with the keys of known hosts, likewise. */
  knownHosts?: string
  /** Absolute, or relative to where a login starts. */
  path: string
}

/** Bytes of one request. Every server takes 32 KiB. */
export const requestBytes = 32 * 1024
/** Requests on their way at once: 2 MiB keep a line of 100 Mbit/s and 160 ms full. */
export const window = 64
/** Milliseconds for which an unused connection is kept: the next request often follows at once. */
const idleMs = 250

/** One session for all that is done at a time, closed when nobody needed it for a moment. */
export class SftpConnection {
  readonly #place: SftpPlace
  #session: Promise<SftpSession> | undefined
  #users = 0
  #idle: NodeJS.Timeout | undefined

  constructor(place: SftpPlace) {
    this.#place = place
  }

  /** Keeps the session open until the returned function is called, which it may be more than once. */
  hold(): () => void {
    clearTimeout(this.#idle)
    this.#users++
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#users--
      if (this.#users === 0) this.#idle = setTimeout(() => this.#close(), idleMs)
    }
  }

  /** Does something in the session; what the server refuses is thrown as `FailureError`. */
  async use<T>(what: string, path: string, action: (session: SftpSession) => Promise<T>): Promise<T> {
    const release = this.hold()
    try {
      return await action(await this.#open())
    } catch (error) {
      throw this.#failure(error, what, path)
    } finally {
      release()
    }
  }

  /** The content of an open file, many requests at a time, in their order. */
  async *stream(
    path: string,
    handle: Buffer,
    release: () => void,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Buffer> {
    try {
      const session = await this.#open()
      const flying: { offset: number; answer: Promise<Buffer | undefined> }[] = []
      let asked = 0
      const ask = () => {
        const answer = session.read(handle, asked, requestBytes)
        answer.catch(() => {})
        flying.push({ offset: asked, answer })
        asked += requestBytes
      }
      try {
        for (;;) {
          signal?.throwIfAborted()
          while (flying.length < window) ask()
          const { offset, answer } = flying.shift() as (typeof flying)[number]
          let content = await answer
          if (!content) return
          yield content
          // A server may give less than was asked for.
          for (let got = content.length; got < requestBytes; got += content.length) {
            content = await session.read(handle, offset + got, requestBytes - got)
            if (!content) return
            yield content
          }
        }
      } finally {
        await session.closeHandle(handle).catch(() => {})
      }
    } catch (error) {
      throw this.#failure(error, 'read', path)
    } finally {
      release()
    }
  }

  #open(): Promise<SftpSession> {
    this.#session ??= SftpSession.open(this.#argv(), (words) => this.#lost(words)).catch((error: unknown) => {
      this.#session = undefined
      throw error
    })
    return this.#session
  }

  async #close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.then(
      (open) => open.close(),
      () => {},
    )
  }

  #argv(): [string, ...string[]] {
    const { host, port, identity, knownHosts } = this.#place
    return [
      'ssh',
      // Nobody is there to be asked for a password, and a silent line is found within a minute.
      ...[
        '-o',
        'BatchMode=yes',
        '-o',
        'ConnectTimeout=20',
        '-o',
        'ServerAliveInterval=15',
        '-o',
        'ServerAliveCountMax=3',
      ],
      ...(port === undefined ? [] : ['-p', String(port)]),
      ...(identity === undefined ? [] : ['-i', identity, '-o', 'IdentitiesOnly=yes']),
      ...(knownHosts === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHosts}`]),
      ...['-s', '--', host, 'sftp'],
    ]
  }

  #lost(words: string): Failure {
    // The next command needs a new one.
    this.#session = undefined
    const { host } = this.#place
    return {
      code: 'target-failed',
      message: `the connection to ${host} was lost`,
      why: words.split('\n').at(-1) || 'ssh ended without a word',
      next: [`sftp ${this.#place.port === undefined ? '' : `-P ${this.#place.port} `}${host}`],
    }
  }

  #failure(error: unknown, what: string, path: string): unknown {
    if (!(error instanceof SftpStatus)) return error
    const message = `${path} on ${this.#place.host}: ${what} was refused`
    return new FailureError({ code: 'target-failed', message, why: error.message })
  }
}

import type { Writable } from 'node:stream'
import { type Failure, FailureError, unwrap } from '../../model/failure.ts'
import { type RunningProcess, startProcess } from '../../system/processes.ts'
import { Answer, bytes, Packets, type SftpEntry, text, uint32, uint64 } from './sftp-packets.ts'

/** What the server said no with. @see https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02#section-7 */
export const statusCodes = { ok: 0, endOfFile: 1, noSuchFile: 2, permissionDenied: 3, failure: 4 } as const

const types = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  rename: 18,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 200,
} as const

/** How a file is opened. */
export const openFlags = { read: 0x01, write: 0x02, create: 0x08, truncate: 0x10, exclusive: 0x20 } as const

/** The server's no, with its status code and its words. */
export class SftpStatus extends Error {
  override readonly name = 'SftpStatus'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * A session of the SSH File Transfer Protocol (version 3, which is what OpenSSH speaks) over the standard input and output of a program, which is `ssh`:
 * so keys, agents, jump hosts and known hosts are those of the user's own configuration. Requests may be made many at a time.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
 */
export class SftpSession {
  readonly #process: RunningProcess
  readonly #output: Writable
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: unknown): void }>()
  readonly #lost: () => Failure
  #extensions = new Set<string>()
  #lastId = 0
  #ended: Failure | undefined

  private constructor(process: RunningProcess, output: Writable, lost: () => Failure) {
    this.#process = process
    this.#output = output
    this.#lost = lost
    output.on('error', () => {})
  }

  /** Starts the program and greets the server. `describe` makes the failure from the program's last words. */
  static async open(
    argv: readonly [string, ...string[]],
    describe: (lastWords: string) => Failure,
  ): Promise<SftpSession> {
    let words = ''
    const packets = new Packets()
    let session: SftpSession | undefined
    let greet: (answer: Answer) => void = () => {}
    const greeting = new Promise<Answer>((resolve) => {
      greet = resolve
    })
    const child = unwrap(
      await startProcess({
        argv,
        stdin: 'pipe',
        stdout: (chunk) => {
          for (const packet of packets.push(chunk)) {
            if (packet[0] === types.version) greet(new Answer(packet))
            else if (session) session.#take(new Answer(packet))
          }
        },
        stderr: (chunk) => {
          words = (words + chunk.toString('utf8')).slice(-4096)
        },
        graceMs: 2000,
      }),
    )
    session = new SftpSession(child, child.stdin as Writable, () => describe(words.trim()))
    const opened = session
    const ended = child.exited.then(async () => {
      await child.output.catch(() => {})
      opened.#end()
      return undefined
    })
    child.output.catch(() => opened.#end())
    session.#send(types.init, uint32(3))
    const version = await Promise.race([greeting, ended])
    if (!version) throw new FailureError(session.#ended as Failure)
    session.#extensions = version.extensions()
    return session
  }

  /** Ends the session and its program. */
  async close(): Promise<void> {
    this.#output.end()
    await this.#process.stop({ graceMs: 500 })
  }

  /** Opens a file; gives its handle. */
  async open(path: string, flags: number): Promise<Buffer> {
    const mode = Buffer.concat([uint32(0x04), uint32(0o600)])
    return (await this.#request(types.open, text(path), uint32(flags), mode)).bytes()
  }

  /** Closes a handle of a file or a folder. */
  async closeHandle(handle: Buffer): Promise<void> {
    await this.#request(types.close, bytes(handle))
  }

  /** Up to `length` bytes from an offset; undefined at the end. */
  async read(handle: Buffer, offset: number, length: number): Promise<Buffer | undefined> {
    try {
      return (await this.#request(types.read, bytes(handle), uint64(offset), uint32(length))).bytes()
    } catch (error) {
      if (error instanceof SftpStatus && error.status === statusCodes.endOfFile) return undefined
      throw error
    }
  }

  /** Writes bytes at an offset. */
  async write(handle: Buffer, offset: number, content: Uint8Array): Promise<void> {
    await this.#request(types.write, bytes(handle), uint64(offset), bytes(content))
  }

  /** Has the file on the server's disk, where the server can do that. */
  async sync(handle: Buffer): Promise<void> {
    if (this.#extensions.has('fsync@openssh.com'))
      await this.#request(types.extended, text('fsync@openssh.com'), bytes(handle))
  }

  /** Renames; a file that has the new name is an error. */
  async rename(from: string, to: string): Promise<void> {
    await this.#request(types.rename, text(from), text(to))
  }

  /** Renames; a file that has the new name is replaced, at once where the server can do that. */
  async replace(from: string, to: string): Promise<void> {
    const posix = 'posix-rename@openssh.com'
    if (this.#extensions.has(posix))
      return void (await this.#request(types.extended, text(posix), text(from), text(to)))
    await this.remove(to).catch(unlessStatus(statusCodes.noSuchFile))
    await this.rename(from, to)
  }

  /** Removes a file. */
  async remove(path: string): Promise<void> {
    await this.#request(types.remove, text(path))
  }

  /** Makes a folder that only its owner may enter. */
  async makeFolder(path: string): Promise<void> {
    await this.#request(types.mkdir, text(path), uint32(0x04), uint32(0o700))
  }

  /** Removes an empty folder. */
  async removeFolder(path: string): Promise<void> {
    await this.#request(types.rmdir, text(path))
  }

  /** What is under a path, links not followed. */
  async entry(path: string): Promise<Omit<SftpEntry, 'name'>> {
    return (await this.#request(types.lstat, text(path))).attributes()
  }

  /** The entries of a folder, without `.` and `..`. */
  async list(path: string): Promise<SftpEntry[]> {
    const handle = (await this.#request(types.opendir, text(path))).bytes()
    const found: SftpEntry[] = []
    try {
      for (;;) found.push(...(await this.#request(types.readdir, bytes(handle))).entries())
    } catch (error) {
      unlessStatus(statusCodes.endOfFile)(error)
    } finally {
      await this.closeHandle(handle)
    }
    return found.filter(({ name }) => name !== '.' && name !== '..')
  }

  #request(type: number, ...fields: Buffer[]): Promise<Answer> {
    if (this.#ended) return Promise.reject(new FailureError(this.#ended))
    this.#lastId = (this.#lastId + 1) >>> 0
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#send(type, uint32(id), ...fields)
    })
  }

  #send(type: number, ...fields: Buffer[]): void {
    const length = fields.reduce((sum, field) => sum + field.length, 1)
    this.#output.write(Buffer.concat([uint32(length), Buffer.of(type), ...fields]))
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    const { status, message } = answer.type === types.status ? answer.status() : { status: statusCodes.ok, message: '' }
    if (status === statusCodes.ok) waiting?.resolve(answer)
    else waiting?.reject(new SftpStatus(status, message))
  }

  #end(): void {
    this.#ended ??= this.#lost()
    for (const { reject } of this.#waiting.values()) reject(new FailureError(this.#ended))
    this.#waiting.clear()
  }
}

/** A handler that passes over one status, and throws everything else on. */
export const unlessStatus =
  (...statuses: number[]) =>
  (error: unknown): void => {
    if (!(error instanceof SftpStatus && statuses.includes(error.status))) throw error
  }

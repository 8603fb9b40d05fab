import type { Socket } from 'node:net'
import { type Failure, FailureError } from '../../../model/failure.ts'
import { type Answer, type Event, encode, lineSplitter, type Method, type Request, type Requests } from './protocol.ts'
import { type ServiceRecord, serviceKey } from './record.ts'

/** What answers each request. What is thrown becomes the answer's failure. */
export type Answers = {
  [M in Method]: (params: Requests[M]['params'], session: Session) => Promise<Requests[M]['value']>
}

/** One command's connection to the supervisor. */
export class Session {
  readonly #socket: Socket
  #environment: string | undefined
  #open = 0
  /** Changes that wait for a slow reader, the newest of each service. */
  readonly #unsent = new Map<string, ServiceRecord>()

  constructor(socket: Socket, answers: Answers) {
    this.#socket = socket
    const take = lineSplitter((line) => void this.#answer(line, answers))
    socket.on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch {
        socket.destroy()
      }
    })
    // A command that was killed in the middle of a request.
    socket.on('error', () => socket.destroy())
    socket.on('drain', () => this.#sendChanges())
  }

  /** Requests that are not answered yet. */
  get open(): number {
    return this.#open
  }

  /** From now on changes in the environment are sent. */
  subscribe(environment: string): void {
    this.#environment = environment
  }

  /** Sends a change, if it is subscribed to. */
  changed(record: ServiceRecord): void {
    if (record.environment !== this.#environment) return
    this.#unsent.set(serviceKey(record), record)
    this.#sendChanges()
  }

  /** Ends the connection when what was written is with the system. */
  end(): void {
    this.#socket.end()
  }

  /** Ends the connection. */
  destroy(): void {
    this.#socket.destroy()
  }

  #sendChanges(): void {
    for (const [key, record] of this.#unsent) {
      if (this.#socket.writableNeedDrain) return
      this.#unsent.delete(key)
      this.#send({ event: 'changed', record })
    }
  }

  async #answer(line: string, answers: Answers): Promise<void> {
    let request: Request
    try {
      request = JSON.parse(line) as Request
    } catch {
      this.#socket.destroy()
      return
    }
    this.#open++
    this.#send(await this.#result(request, answers))
    this.#open--
  }

  async #result(request: Request, answers: Answers): Promise<Answer> {
    const { id, method, params } = request
    try {
      if (!Object.hasOwn(answers, method)) throw new FailureError(unknownMethod(method))
      const answer = answers[method] as (params: unknown, session: Session) => Promise<unknown>
      return { id, ok: true, value: await answer(params, this) }
    } catch (error) {
      return { id, ok: false, failure: failureOf(error) }
    }
  }

  #send(message: Answer | Event): void {
    if (this.#socket.writable) this.#socket.write(encode(message))
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failures[0] as Failure
  return { code: 'supervisor-defect', message: 'the supervisor failed', why: (error as Error).stack ?? String(error) }
}

const unknownMethod = (method: string): Failure => ({
  code: 'supervisor-request-unknown',
  message: `the supervisor does not know the request ${JSON.stringify(method)}`,
  why: 'it is of another version than the command',
  next: ['task services down', 'task services up'],
})

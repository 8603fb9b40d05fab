import { Agent, type IncomingMessage, request } from 'node:http'

/** A request to an engine. `path` begins with a slash and has its query. */
export type EngineRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  path: string
  /** What is sent: a tar archive. */
  body?: string | Uint8Array
}

/** What an engine has answered; `text` is its body, read as UTF-8. */
export type EngineAnswer = { status: number; text: string }

/** Asks one engine over its Unix socket. Throws what the connection says (`ECONNREFUSED`, `ENOENT`, `ECONNRESET`), and where the signal comes first. */
export type EngineHttp = (asked: EngineRequest, signal?: AbortSignal) => Promise<EngineAnswer>

/** Hears of what happens on an engine (`GET /events`), one JSON document each, until the signal comes or the engine has no more to say. Never throws. */
export function hearEvents(
  socketPath: string,
  path: string,
  { signal, heard }: { signal: AbortSignal; heard(event: unknown): void },
): void {
  const asked = request({ socketPath, agent: false, path, headers: { host: 'docker' }, signal }, (answer) => {
    let rest = ''
    answer.setEncoding('utf8')
    answer.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      if (answer.statusCode === 200) for (const line of lines) if (line.trim() !== '') heard(JSON.parse(line))
    })
    answer.on('error', () => {})
  })
  asked.on('error', () => {})
  asked.on('socket', (socket) => socket.unref())
  asked.end()
}

/** How many connections are kept for what is asked next. */
const keptConnections = 12

/** Connections to an engine's socket, which are kept for what is asked next and keep no process alive. */
export function engineHttp(socketPath: string): EngineHttp {
  // As many at once as are needed: the sign of life of a lock must not wait until containers have stopped.
  const agent = new Agent({ keepAlive: true, maxFreeSockets: keptConnections })
  return ({ method, path, body }, signal) =>
    new Promise((resolve, reject) => {
      const headers = {
        host: 'docker',
        ...(body !== undefined && {
          'content-type': 'application/x-tar',
          'content-length': typeof body === 'string' ? Buffer.byteLength(body) : body.length,
        }),
      }
      const asked = request(
        // Without a version the engine answers in its newest one, of which only what never changed is read.
        { socketPath, agent, method, path, headers, ...(signal && { signal }) },
        (answer) => void read(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject),
      )
      asked.on('error', reject)
      asked.end(body)
    })
}

async function read(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { DatabaseUnavailable } from './database.ts'
import { type Log, reason } from './log.ts'
import type { Metrics } from './metrics.ts'

/** What a handler is given. */
export type Query = { parameters: URLSearchParams; userAgent: string; json(): Promise<unknown> }
/** What a handler answers: an object is sent as JSON, a text as it is. */
export type Reply = { status: number; body: object | string; headers?: Record<string, string> }
/** `GET /stats` and what answers it. */
export type Routes = Record<`${'GET' | 'POST'} /${string}`, (query: Query) => Reply | Promise<Reply>>

/** An answer other than success, thrown from anywhere in a handler. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const bodyLimit = 16 * 1024

/** Makes an HTTP server (not listening yet) that answers the routes, logs each request, counts it, and never falls over. */
export function createHttpServer(routes: Routes, log: Log, metrics: Metrics): Server {
  const requests = metrics.counter('http_requests_total', 'Requests answered, by route and status.')
  const seconds = metrics.counter('http_request_seconds_total', 'Time spent answering, by route.')
  const paths = new Set(Object.keys(routes).map((route) => route.slice(route.indexOf(' ') + 1)))
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, async (request, response) => {
    const began = performance.now()
    const reply = await answer(routes, request, log)
    // On the way out, a connection that stays open would hold the process up until the client closes it.
    if (!server.listening) response.setHeader('connection', 'close')
    send(response, reply)
    const path = pathOf(request)
    const took = performance.now() - began
    const route = paths.has(path) ? path : 'other'
    requests.add({ route, status: reply.status })
    seconds.add({ route }, took / 1000)
    const level = probes.includes(path) ? 'debug' : 'info'
    log[level]('request', { method: request.method, path, status: reply.status, ms: Math.round(took) })
  })
  // Longer than a reverse proxy keeps an idle connection, so that it is the proxy that closes first.
  server.keepAliveTimeout = 65_000
  return server
}

/** What asks all the time; at level `info` it would fill the log. */
const probes = ['/healthz', '/readyz', '/metrics']

const pathOf = (request: IncomingMessage) => (request.url ?? '').replace(/\?.*$/s, '')

/** Runs the route's handler; every failure becomes a reply. */
async function answer(routes: Routes, request: IncomingMessage, log: Log): Promise<Reply> {
  const path = pathOf(request)
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const handler = Object.entries(routes).find(([route]) => route === `${method} ${path}`)?.[1]
  try {
    if (!handler) return noHandler(routes, `${method}`, path)
    const parameters = new URLSearchParams((request.url ?? '').slice(path.length))
    return await handler({ parameters, userAgent: request.headers['user-agent'] ?? '', json: () => readJson(request) })
  } catch (error) {
    if (error instanceof HttpError) return failure(error.status, error.code, error.message)
    if (error instanceof DatabaseUnavailable) {
      log.warn('the database is unavailable', { reason: error.message, path })
      return {
        ...failure(503, 'database-unavailable', 'the database cannot be asked now'),
        headers: { 'retry-after': '5' },
      }
    }
    log.error('a request failed', { reason: reason(error), path, stack: (error as Error).stack })
    return failure(500, 'internal', 'the request failed; the log says why')
  }
}

/** 405 with the methods that the path has, or 404. */
function noHandler(routes: Routes, method: string, path: string): Reply {
  const allowed = Object.keys(routes)
    .filter((route) => route.endsWith(` ${path}`))
    .map((route) => route.slice(0, route.indexOf(' ')))
  if (allowed.length === 0) return failure(404, 'not-found', `there is no ${path}`)
  const reply = failure(405, 'method-not-allowed', `${path} does not take ${method}`)
  return { ...reply, headers: { allow: allowed.join(', ') } }
}

const failure = (status: number, code: string, message: string): Reply => ({ status, body: { error: code, message } })

/** Writes a reply, as JSON unless its body is a text. */
function send(response: ServerResponse, { status, body, headers }: Reply): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`
  const type = typeof body === 'string' ? 'text/plain; version=0.0.4; charset=utf-8' : 'application/json; charset=utf-8'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers }).end(text)
}

/** The request's body, parsed. Throws an `HttpError` when it is too long or no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > bodyLimit) break
      chunks.push(chunk)
    }
  } catch {
    throw new HttpError(400, 'aborted', 'the client went away')
  }
  if (length > bodyLimit) throw new HttpError(413, 'too-long', `the body is longer than ${bodyLimit} bytes`)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new HttpError(400, 'no-json', 'the body is not JSON')
  }
}

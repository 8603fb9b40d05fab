/**
 * `kubectl port-forward` and `kubectl exec` on the test's server: what they carry is real, to a server of the test's own that plays the pod, and
 * to a program of this machine.
 */
import { spawn } from 'node:child_process'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Api } from './api.ts'
import type { Fault } from './faults.ts'
import type { ApiObject } from './objects.ts'
import { forbidden, Refusal } from './refusals.ts'
import { targetOf } from './requests.ts'
import type { Access } from './server.ts'
import { type SpdyStream, serveSpdy } from './spdy.ts'
import { acceptWebSocket, switchProtocols, type WebSocket } from './websocket.ts'

/** What plays the pods. */
export type PodPlayers = {
  /** Where a pod's port is for real; undefined: nothing listens there. */
  listens?(pod: ApiObject, port: number): { host: string; port: number } | undefined
  /** The command of this machine that a command in a pod is; undefined: the container has no such program. */
  execs?(pod: ApiObject, container: string, command: string[]): [string, ...string[]] | undefined
}

/** What connections are upgraded with. */
export type UpgradeOptions = PodPlayers & {
  api: Api
  faults: Fault[]
  requests: string[]
  allows(access: Access): boolean
  /** The connections that are open. */
  open: Set<Duplex>
}

/** Handles a request to switch protocols. */
export function onUpgrade(options: UpgradeOptions, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { open, requests, faults } = options
  const url = new URL(request.url ?? '/', 'http://server')
  const method = request.method ?? 'GET'
  requests.push(`${method} ${url.pathname}${url.search} (${request.headers.upgrade})`)
  open.add(socket)
  socket.once('close', () => open.delete(socket))
  socket.on('error', () => socket.destroy())
  const fault = faults.find((one) => one.times > 0 && one.matches(method, url.pathname, url.searchParams))
  if (fault) fault.times -= 1
  if (fault?.kind === 'hang') return
  if (fault && fault.kind !== 'refuse') return void socket.destroy()
  try {
    if (fault?.kind === 'refuse') throw fault.refusal
    const target = targetOf(url.pathname, options.api.types)
    const { type, namespace, name, subresource } = target ?? {}
    if (type?.resource !== 'pods' || name === undefined || namespace === undefined)
      throw new Refusal(404, 'NotFound', 'the server could not find the requested resource', {})
    const user = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? 'system:anonymous'
    const resource = `pods/${subresource}`
    if (!options.allows({ user, verb: 'create', group: '', resource, namespace, name }))
      throw forbidden(user, 'create', type, namespace, name)
    const pod = options.api.store.get(type, name, namespace)
    if (subresource === 'portforward') portForward(options, pod, request, socket, head)
    else if (subresource === 'exec') exec(options, pod, url.searchParams, request, socket, head)
    else throw new Refusal(404, 'NotFound', 'the server could not find the requested resource', {})
  } catch (error) {
    const { code, body } = error instanceof Refusal ? error : { code: 500, body: { message: String(error) } }
    const text = JSON.stringify(body)
    socket.end(
      `HTTP/1.1 ${code} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
    )
  }
}

/** SPDY on the connection itself, or inside of a WebSocket, as newer kubectl ask first. */
function portForward(
  options: UpgradeOptions,
  pod: ApiObject,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const tunnelled = 'SPDY/3.1+portforward.k8s.io'
  let connection = socket
  if (request.headers.upgrade === 'websocket') connection = acceptWebSocket(request, socket, head, tunnelled)
  else {
    switchProtocols(socket, { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'portforward.k8s.io' })
    if (head.length > 0) socket.unshift(head)
  }
  /** A connection is a pair of streams: data, and what went wrong. */
  const errors = new Map<string, SpdyStream>()
  void serveSpdy(connection, (stream) => {
    const { streamtype, requestid = '', port } = stream.headers
    if (streamtype === 'error') errors.set(requestid, stream)
    else carry(options, pod, Number(port), stream, errors.get(requestid))
  })
}

function carry(
  { api, listens }: UpgradeOptions,
  pod: ApiObject,
  port: number,
  data: SpdyStream,
  errors: SpdyStream | undefined,
) {
  const pods = api.type('pods')
  const { name, namespace, uid } = pod.metadata
  const isThere = () => api.store.find(pods, name, namespace)?.metadata.uid === uid
  const place = isThere() ? listens?.(pod, port) : undefined
  const refuse = (why: string) => {
    errors?.end(`error forwarding port ${port} to pod ${name}, uid : ${why}`)
    data.end()
  }
  if (!place) return refuse(`failed to connect to localhost:${port} inside namespace: connection refused`)
  const socket = connect(place)
  socket.once('error', (error) => refuse(error.message))
  socket.once('connect', () => {
    data.pipe(socket)
    socket.pipe(data)
  })
  // A pod's network goes with it.
  const forget = api.store.subscribe(({ type, object }) => {
    if (type === 'DELETED' && object.metadata.uid === uid) socket.destroy()
  })
  socket.once('close', () => {
    forget()
    data.end()
    errors?.end()
  })
  data.once('close', () => socket.destroy())
}

const channels = { input: 0, output: 1, errors: 2, status: 3, close: 255 } as const

/** The newest of the channel protocols alone: kubectl from 1.30 on asks for it. */
function exec(
  { execs }: UpgradeOptions,
  pod: ApiObject,
  query: URLSearchParams,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
) {
  const protocol = 'v5.channel.k8s.io'
  if (!String(request.headers['sec-websocket-protocol']).includes(protocol))
    throw new Refusal(400, 'BadRequest', `this server speaks ${protocol} alone`, {})
  const container = query.get('container') ?? pod.spec.containers[0].name
  const argv = execs?.(pod, container, query.getAll('command'))
  const connection = acceptWebSocket(request, socket, head, protocol)
  const send = (channel: number, bytes: Buffer) => connection.write(Buffer.concat([Buffer.from([channel]), bytes]))
  const end = (status: object) => {
    send(channels.status, Buffer.from(JSON.stringify(status)))
    connection.end()
  }
  if (!argv) return end(failure(126, 'exec failed: no such file or directory'))
  const child = spawn(argv[0], argv.slice(1), { stdio: 'pipe' })
  child.stdout.on('data', (bytes: Buffer) => send(channels.output, bytes))
  child.stderr.on('data', (bytes: Buffer) => send(channels.errors, bytes))
  child.stdin.on('error', () => {})
  child.once('error', (error) => end(failure(126, error.message)))
  child.once('close', (code) => end(code === 0 ? { metadata: {}, status: 'Success' } : failure(code ?? 137)))
  onMessages(connection, (channel, bytes) => {
    if (channel === channels.input) child.stdin.write(bytes)
    else if (channel === channels.close && bytes[0] === channels.input) child.stdin.end()
  })
  connection.once('close', () => child.kill('SIGKILL'))
}

function onMessages(connection: WebSocket, take: (channel: number, bytes: Buffer) => void): void {
  connection.on('data', (message: Buffer) => take(message[0] ?? -1, message.subarray(1)))
}

const failure = (code: number, message = `command terminated with exit code ${code}`) => ({
  metadata: {},
  status: 'Failure',
  message,
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
})

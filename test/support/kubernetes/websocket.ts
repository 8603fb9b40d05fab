/** A WebSocket on the server's side, as kubectl opens one: whole messages in, binary messages out (RFC 6455). */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'

const opcodes = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A connection whose messages are chunks: each that comes is one chunk, each that is written one message. */
export class WebSocket extends Duplex {
  readonly #socket: Duplex
  #buffer: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []

  constructor(socket: Duplex, head: Buffer) {
    super({ allowHalfOpen: false, readableObjectMode: true })
    this.#socket = socket
    this.on('error', () => {})
    socket.on('error', () => this.destroy())
    // A client that was killed says no more than this.
    socket.on('end', () => this.destroy())
    socket.on('close', () => this.destroy())
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    if (head.length > 0) this.#receive(head)
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(frame(opcodes.binary, chunk), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    // 1000: the normal end.
    this.#socket.end(frame(opcodes.close, Buffer.from([0x03, 0xe8])), () => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    for (let next = take(this.#buffer); next; next = take(this.#buffer)) {
      this.#buffer = next.rest
      if (next.opcode === opcodes.ping) this.#socket.write(frame(opcodes.pong, next.payload))
      else if (next.opcode === opcodes.close) this.end()
      else if (next.opcode <= opcodes.binary) {
        this.#parts.push(next.payload)
        if (next.last) this.push(Buffer.concat(this.#parts.splice(0)))
      }
    }
  }
}

/** Answers the request for a WebSocket of a protocol. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): WebSocket {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  switchProtocols(socket, {
    Upgrade: 'websocket',
    'Sec-WebSocket-Accept': accept,
    'Sec-WebSocket-Protocol': protocol,
  })
  return new WebSocket(socket, head)
}

/** Answers that the connection speaks another protocol from now on. */
export function switchProtocols(socket: Duplex, headers: Record<string, string>): void {
  const lines = Object.entries({ ...headers, Connection: 'Upgrade' }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`)
}

type Received = { opcode: number; last: boolean; payload: Buffer; rest: Buffer }

/** The first frame of what came from a client, which masks what it sends; undefined while it is not whole. */
function take(buffer: Buffer): Received | undefined {
  if (buffer.length < 2) return undefined
  const short = buffer.readUInt8(1) & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const start = 2 + lengthBytes + 4
  if (buffer.length < start) return undefined
  const length =
    lengthBytes === 2 ? buffer.readUInt16BE(2) : lengthBytes === 8 ? Number(buffer.readBigUInt64BE(2)) : short
  if (buffer.length < start + length) return undefined
  const mask = buffer.subarray(start - 4, start)
  const payload = Buffer.from(buffer.subarray(start, start + length))
  for (let at = 0; at < length; at += 1) payload[at] = (payload[at] as number) ^ (mask[at & 3] as number)
  const first = buffer.readUInt8(0)
  return { opcode: first & 0x0f, last: first >= 0x80, payload, rest: buffer.subarray(start + length) }
}

function frame(opcode: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10)
  head.writeUInt8(0x80 | opcode, 0)
  if (head.length === 2) head.writeUInt8(payload.length, 1)
  else if (head.length === 4) {
    head.writeUInt8(126, 1)
    head.writeUInt16BE(payload.length, 2)
  } else {
    head.writeUInt8(127, 1)
    head.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  return Buffer.concat([head, payload])
}

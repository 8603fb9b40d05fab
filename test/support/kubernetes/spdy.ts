/**
 * The frames of SPDY/3.1 that kubectl speaks inside of a port forward, on the server's side: streams of a client, their data, pings. Like the
 * servers of a real cluster it knows no flow control.
 *
 * @see https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */
import { Duplex, type Transform } from 'node:stream'
import { constants, createDeflate, createInflate } from 'node:zlib'

/** Both sides begin their headers' compression with these words, the first ones with their length before them. */
const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status'
const rest =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'
const dictionary = Buffer.concat([
  ...[...words.split(' '), '200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'].map(
    counted,
  ),
  Buffer.from(rest),
])

function counted(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, Buffer.from(text)])
}

const kinds = { synStream: 1, synReply: 2, rstStream: 3, ping: 6 } as const
const fin = 1

/** A stream that the client has opened, with its headers in lower case. */
export class SpdyStream extends Duplex {
  readonly id: number
  readonly headers: Record<string, string>
  readonly #send: (frame: Buffer, done?: (error?: Error | null) => void) => void

  constructor(
    id: number,
    headers: Record<string, string>,
    send: (frame: Buffer, done?: (error?: Error | null) => void) => void,
  ) {
    super({ allowHalfOpen: true })
    this.id = id
    this.headers = headers
    this.#send = send
    this.on('error', () => {})
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#send(dataFrame(this.id, 0, chunk), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send(dataFrame(this.id, fin, Buffer.alloc(0)), done)
  }
}

/** Serves the streams that a client opens on a connection; resolves when that has ended. */
export async function serveSpdy(connection: Duplex, onStream: (stream: SpdyStream) => void): Promise<void> {
  const streams = new Map<number, SpdyStream>()
  const inflate = createInflate({ dictionary, finishFlush: constants.Z_SYNC_FLUSH })
  const deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH })
  const send = (frame: Buffer, done?: (error?: Error | null) => void) => {
    if (connection.destroyed) done?.(new Error('the connection has ended'))
    else connection.write(frame, done)
  }
  const onControl = async (kind: number, flags: number, payload: Buffer) => {
    if (kind === kinds.ping) send(controlFrame(kinds.ping, payload))
    if (kind === kinds.rstStream) streams.get(payload.readUInt32BE(0))?.destroy()
    if (kind !== kinds.synStream) return
    const id = payload.readUInt32BE(0)
    const headers = headersIn(await through(inflate, payload.subarray(10)))
    const stream = new SpdyStream(id, headers, send)
    streams.set(id, stream)
    stream.once('close', () => streams.delete(id))
    const number = Buffer.alloc(4)
    number.writeUInt32BE(id)
    send(controlFrame(kinds.synReply, Buffer.concat([number, await through(deflate, Buffer.alloc(4))])))
    if (flags & fin) stream.push(null)
    onStream(stream)
  }
  try {
    for await (const { control, kind, flags, payload } of framesOf(connection)) {
      if (control) {
        await onControl(kind, flags, payload)
        continue
      }
      const stream = streams.get(kind)
      if (payload.length > 0) stream?.push(payload)
      if (flags & fin) stream?.push(null)
    }
  } catch {
    // The client went in the middle of something.
  }
  for (const stream of streams.values()) stream.destroy()
  connection.destroy()
}

type Frame = { control: boolean; kind: number; flags: number; payload: Buffer }

/** `kind` is a control frame's type, or the stream of a data frame. */
async function* framesOf(connection: Duplex): AsyncGenerator<Frame> {
  let buffer = Buffer.alloc(0)
  for await (const chunk of connection) {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk])
    while (buffer.length >= 8) {
      const first = buffer.readUInt32BE(0)
      const flags = buffer.readUInt8(4)
      const end = 8 + buffer.readUIntBE(5, 3)
      if (buffer.length < end) break
      const control = first >= 0x80000000
      yield { control, kind: control ? first & 0xffff : first, flags, payload: buffer.subarray(8, end) }
      buffer = buffer.subarray(end)
    }
  }
}

function controlFrame(kind: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(0x8003, 0)
  head.writeUInt16BE(kind, 2)
  head.writeUInt32BE(payload.length, 4)
  return Buffer.concat([head, payload])
}

function dataFrame(stream: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(stream, 0)
  head.writeUInt32BE(flags * 2 ** 24 + payload.length, 4)
  return Buffer.concat([head, payload])
}

/** A block through a compressor whose state all blocks of a connection share. */
async function through(zlib: Transform, block: Buffer): Promise<Buffer> {
  await new Promise<void>((resolve, reject) => zlib.write(block, (error) => (error ? reject(error) : resolve())))
  return zlib.read() ?? Buffer.alloc(0)
}

function headersIn(block: Buffer): Record<string, string> {
  const headers: Record<string, string> = {}
  let at = 4
  const next = () => {
    const from = at + 4
    at = from + block.readUInt32BE(at)
    return block.toString('utf8', from, at)
  }
  for (let count = block.readUInt32BE(0); count > 0; count -= 1) {
    const name = next()
    headers[name] = next()
  }
  return headers
}

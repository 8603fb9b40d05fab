import type { Socket } from 'node:net'
import type { Connection as Protocol } from 'pg'
import type { Connection } from '../connect.ts'

type CopyProtocol = Protocol & {
  endCopyFrom(): void
  sendCopyFail(message: string): void
  stream: Socket
}

const pieceBytes = 256 * 1024

/**
 * Runs a `COPY … TO STDOUT` and gives its data as they come, in pieces of whole rows, with the number of rows up to there. The server waits while the consumer does. Returns how many
 * rows there were.
 */
export async function copyOut(
  connection: Connection,
  sql: string,
  consume: (piece: Buffer, rows: number) => Promise<void> | void,
): Promise<number> {
  const { default: pg } = await import('pg')
  const { connection: protocol } = connection as unknown as {
    connection: { stream: { pause(): void; resume(): void } }
  }
  let rows = 0
  let failure: unknown
  let gathered: Buffer[] = []
  let bytes = 0
  let last: Promise<void> = Promise.resolve()
  const flush = () => {
    const piece = Buffer.concat(gathered)
    const upTo = rows
    gathered = []
    bytes = 0
    protocol.stream.pause()
    last = last
      .then(() => (failure === undefined ? consume(piece, upTo) : undefined))
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => protocol.stream.resume())
  }
  await new Promise<void>((resolve, reject) => {
    const query = new pg.Query(sql, undefined, (error?: Error | null) => (error ? reject(error) : resolve()))
    Object.assign(query, {
      handleCopyData({ chunk }: { chunk: Buffer }) {
        rows += 1
        // Copied: the buffer is the reader's own.
        gathered.push(Buffer.from(chunk))
        bytes += chunk.length
        if (bytes >= pieceBytes) flush()
      },
    })
    connection.query(query)
  })
  if (bytes > 0) flush()
  await last
  if (failure !== undefined) throw failure
  return rows
}

/** A piece of what a COPY is fed with: one buffer, or several as if they were one. They are not copied, so nobody may write into them any more. */
export type CopyData = Buffer | readonly Buffer[]

/** Runs a `COPY … FROM STDIN` with data as a source gives them. What the source throws ends the COPY, and nothing of it stays. */
export async function copyIn(
  connection: Connection,
  sql: string,
  source: AsyncIterable<CopyData> | Iterable<CopyData>,
): Promise<number> {
  const { default: pg } = await import('pg')
  let failure: unknown
  const { rowCount } = await new Promise<{ rowCount: number | null }>((resolve, reject) => {
    const query = new pg.Query(sql, undefined, ((error?: Error | null, result?: { rowCount: number | null }) =>
      error ? reject(failure ?? error) : resolve(result ?? { rowCount: null })) as never)
    Object.assign(query, {
      handleCopyInResponse(protocol: CopyProtocol) {
        feed(protocol, source).catch((error: unknown) => {
          failure = error
          protocol.sendCopyFail('the source of the rows failed')
        })
      },
    })
    connection.query(query)
  })
  return rowCount ?? 0
}

async function feed(protocol: CopyProtocol, source: AsyncIterable<CopyData> | Iterable<CopyData>): Promise<void> {
  const { stream } = protocol
  for await (const data of source) {
    sendData(stream, Buffer.isBuffer(data) ? [data] : data)
    if (stream.writableNeedDrain) {
      await new Promise<void>((resolve) => {
        // A lost connection drains nothing; the query itself fails then.
        const done = () => {
          stream.off('drain', done).off('close', done)
          resolve()
        }
        stream.on('drain', done).on('close', done)
      })
    }
  }
  protocol.endCopyFrom()
}

/** `CopyData` (postgresql.org/docs/current/protocol-message-formats.html) without the copy that pg's own writer makes. */
function sendData(stream: Socket, buffers: readonly Buffer[]): void {
  const head = Buffer.allocUnsafe(5)
  head[0] = 0x64
  head.writeInt32BE(
    buffers.reduce((sum, { length }) => sum + length, 4),
    1,
  )
  stream.cork()
  stream.write(head)
  for (const buffer of buffers) stream.write(buffer)
  stream.uncork()
}

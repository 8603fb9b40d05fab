import { type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import { type CopyData, copyIn } from '../../database/transfer/copy.ts'
import { ok, unwrap } from '../../model/failure.ts'
import { type DataPiece, dataPieces } from './dump-script.ts'

/** So much waits for a connection before another one takes part in the same table, and before the source waits. */
const enoughBytes = 512 * 1024
const mostBytes = 4 * enoughBytes

/**
 * Loads the data of a dump by several connections, which share a table's rows among them: most databases have one table that is as big as all others, which a
 * job for each table (`pg_restore --jobs`) loads on one core. The tables have no indexes, keys and triggers yet. Throws `FailureError`; some of the rows are in then.
 * @param script what `pg_restore --section=data --file=-` says
 */
export async function loadData(
  script: AsyncIterable<Uint8Array>,
  address: DatabaseAddress,
  connections: number,
): Promise<void> {
  const ending = new AbortController()
  const signal = address.signal ? AbortSignal.any([address.signal, ending.signal]) : ending.signal
  let first: unknown
  const fail = (error: unknown) => {
    first ??= error
    ending.abort()
    for (const inbox of inboxes) inbox.close()
  }
  const inboxes = Array.from({ length: connections }, () => new Inbox())
  const workers = inboxes.map((inbox) => work({ ...address, signal }, inbox).catch(fail))
  try {
    await distribute(dataPieces(script), inboxes)
    for (const inbox of inboxes) inbox.close()
  } catch (error) {
    fail(error)
  }
  await Promise.all(workers)
  if (first !== undefined) throw first
}

/** Gives each piece to who has the least to do. */
async function distribute(pieces: AsyncIterable<DataPiece>, inboxes: readonly Inbox[]): Promise<void> {
  const open = new Set<Inbox>()
  let copy: DataPiece | undefined
  const least = (some: Iterable<Inbox>) => [...some].reduce((a, b) => (b.bytes < a.bytes ? b : a))
  for await (const piece of pieces) {
    if (inboxes.some(({ closed }) => closed)) return
    if (piece.kind === 'sql') {
      // What comes before the first table sets up the session; the values of sequences come behind the last one.
      for (const inbox of copy ? [least(inboxes)] : inboxes) inbox.push(piece)
    } else if (piece.kind === 'copy') {
      copy = piece
      const inbox = least(inboxes)
      open.add(inbox)
      inbox.push(piece)
    } else if (piece.kind === 'rows') {
      let inbox = least(open)
      const other = least(inboxes)
      if (inbox.bytes >= enoughBytes && other.bytes < enoughBytes && copy) {
        inbox = other
        if (!open.has(other)) other.push(copy)
        open.add(other)
      }
      inbox.push(piece)
      while (least(inboxes).bytes >= mostBytes && !inbox.closed) await Promise.race(inboxes.map((one) => one.taken()))
    } else {
      for (const inbox of open) inbox.push(piece)
      open.clear()
    }
  }
}

/** Does what comes in, over one connection. */
async function work(address: DatabaseAddress, inbox: Inbox): Promise<void> {
  unwrap(
    await withDatabase(address, async (connection) => {
      // Before the script's own settings: what it commits counts only after a later commit, which is waited for.
      await connection.query('set synchronous_commit = off')
      for (let piece = await inbox.next(); piece; piece = await inbox.next()) {
        if (piece.kind === 'sql') await connection.query(piece.text)
        else if (piece.kind === 'copy') await copyIn(connection, piece.sql, inbox.rows())
      }
      return ok(undefined)
    }),
  )
}

const sizeOf = (piece: DataPiece): number =>
  piece.kind === 'rows' ? piece.rows.reduce((sum, { length }) => sum + length, 0) : 0

/** What one connection still has to do. */
class Inbox {
  bytes = 0
  closed = false
  #pieces: DataPiece[] = []
  #wake: () => void = () => {}
  #taken: (() => void)[] = []

  push(piece: DataPiece): void {
    this.#pieces.push(piece)
    this.bytes += sizeOf(piece)
    this.#wake()
  }

  /** There is no more, or nobody wants any more. */
  close(): void {
    this.closed = true
    this.#wake()
    this.#tell()
  }

  /** Resolves when something was taken. */
  taken(): Promise<void> {
    return new Promise((resolve) => this.#taken.push(resolve))
  }

  async next(): Promise<DataPiece | undefined> {
    for (;;) {
      const piece = this.#pieces.shift()
      if (piece) {
        if (piece.kind === 'rows') {
          this.bytes -= sizeOf(piece)
          this.#tell()
        }
        return piece
      }
      if (this.closed) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The rows of the table that was begun. */
  async *rows(): AsyncGenerator<CopyData> {
    for (let piece = await this.next(); piece?.kind !== 'end'; piece = await this.next()) {
      // Closed within a table: what is in it is not all.
      if (piece?.kind !== 'rows') throw new Error('the rows of the table broke off')
      yield piece.rows
    }
  }

  #tell(): void {
    for (const resolve of this.#taken.splice(0)) resolve()
  }
}

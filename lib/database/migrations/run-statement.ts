import type { Connection as Protocol } from 'pg'
import type { Connection } from '../connect.ts'
import type { Statement } from '../sql/parser.ts'

/** What pg gives a query when the server asks for COPY data (pg's lib/query.js; not in its types). */
type CopyTarget = Protocol & { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }

/** An error in a script, with the statement that it came from; none for an error at the commit. */
export class StatementError extends Error {
  override readonly cause: unknown
  readonly statement: Statement | undefined

  constructor(cause: unknown, statement: Statement | undefined) {
    super((cause as Error).message)
    this.cause = cause
    this.statement = statement
  }
}

const chunkLength = 256 * 1024

/** Runs one statement by the simple query protocol, with its COPY data if it has any. */
export async function runStatement(connection: Connection, statement: Statement): Promise<void> {
  if (statement.data === undefined) {
    await connection.query(statement.text)
    return
  }
  const { default: pg } = await import('pg')
  const data = Buffer.from(statement.data.text)
  await new Promise<void>((resolve, reject) => {
    const query = new pg.Query(statement.text, undefined, (error?: Error | null) => (error ? reject(error) : resolve()))
    Object.assign(query, {
      handleCopyInResponse(protocol: CopyTarget) {
        for (let at = 0; at < data.length; at += chunkLength)
          protocol.sendCopyFromChunk(data.subarray(at, at + chunkLength))
        protocol.endCopyFrom()
      },
    })
    connection.query(query)
  })
}

/** What the script of a dump's data (`pg_restore --section=data --file=-`) consists of, in its order. */
export type DataPiece =
  | { kind: 'sql'; text: string }
  /** A `COPY … FROM stdin`; whole rows follow, then `end`. */
  | { kind: 'copy'; sql: string }
  | { kind: 'rows'; rows: readonly Buffer[] }
  | { kind: 'end' }

const heading = Buffer.from(' FROM stdin;\n')
const ending = Buffer.from('\\.\n')
const endingAfterRow = Buffer.from('\n\\.\n')
const newline = 10

/**
 * Takes the script of a dump's data apart. Rows come in whole lines: in COPY's text form a line is a row, and a backslash with a dot alone on a line is
 * never one (postgresql.org/docs/current/sql-copy.html). Throws what the source throws, and where it ends within a table.
 */
export async function* dataPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<DataPiece> {
  // Of rows: what is of one that is not whole yet, less than a line. Else: what is of a statement.
  let rest: Buffer = Buffer.alloc(0)
  let inRows = false
  for await (const chunk of source) {
    let next: Buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (;;) {
      if (inRows) {
        // The first line whole, so that the rest of what came need not be copied.
        const line = next.indexOf(newline) + 1
        const first =
          rest.length === 0 ? rest : Buffer.concat([rest, next.subarray(0, line === 0 ? next.length : line)])
        if (rest.length > 0 && line === 0) {
          rest = first
          break
        }
        const others = rest.length === 0 ? next : next.subarray(line)
        rest = Buffer.alloc(0)
        if (first.equals(ending)) {
          next = others
        } else {
          const begins = others.subarray(0, ending.length).equals(ending)
          const at = begins ? 0 : others.indexOf(endingAfterRow) + 1
          const found = begins || at > 0
          const upTo = found ? at : others.lastIndexOf(newline) + 1
          const rows = [first, others.subarray(0, upTo)].filter(({ length }) => length > 0)
          if (rows.length > 0) yield { kind: 'rows', rows }
          if (!found) {
            rest = others.subarray(upTo)
            break
          }
          next = others.subarray(at + ending.length)
        }
        yield { kind: 'end' }
        inRows = false
      } else {
        rest = rest.length === 0 ? next : Buffer.concat([rest, next])
        const at = rest.indexOf(heading)
        if (at === -1) break
        const begin = beginOfCopy(rest, at)
        yield statements(rest.toString('utf8', 0, begin))
        yield { kind: 'copy', sql: rest.toString('utf8', begin, at + heading.length).trim() }
        next = rest.subarray(at + heading.length)
        rest = Buffer.alloc(0)
        inRows = true
      }
    }
  }
  if (inRows) throw new Error('the dump ends within the rows of a table')
  if (rest.length > 0) yield statements(rest.toString('utf8'))
}

/** Where the statement begins that ends here. Names in it may hold line ends, and the word itself; then their quotes are not paired. */
function beginOfCopy(text: Buffer, end: number): number {
  let begin = text.lastIndexOf('\nCOPY ', end)
  while (begin > 0 && text.toString('latin1', begin, end).split('"').length % 2 === 0) {
    begin = text.lastIndexOf('\nCOPY ', begin - 1)
  }
  return begin + 1
}

/** What of the script is for the server: psql alone knows the commands by which it is kept from what names may hold (pg_restore(1), `--restrict-key`). */
const statements = (text: string): DataPiece => ({ kind: 'sql', text: text.replace(/^\\(?:un)?restrict .*$/gm, '') })

import { formatDuration } from '../../model/duration.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { detailOf, isConnectionLost, isServerError, type PostgresError } from '../failures.ts'
import { loadParser, parseScript } from '../sql/parser.ts'
import { characterOffset, lineAt, placeAt } from '../sql/positions.ts'
import { type Bound, bind, inline } from './parameters.ts'
import type { Query } from './query.ts'

/** A value as the server writes it; null is NULL. */
export type Cell = string | null
/** What a query gave. */
export type QueryResult = {
  /** In their order; `type` is the type's oid. */
  columns: { name: string; type: number }[]
  rows: Cell[][]
  /** There were more rows than asked for. */
  more: boolean
  /** `SELECT`, `UPDATE` … and how many rows it was about. */
  command: string
  count: number
}

/** How a query is run. */
export type RunQueryOptions = {
  values: Readonly<Record<string, string | null>>
  timeoutMs: number
  /** No more rows than that are taken. */
  maxRows: number
}

const declare = 'declare vital_ops_query no scroll cursor for '

/**
 * Runs a query in one transaction: read-only by the server's own rule unless its header says that it changes something, and ended by the
 * server after its time. Values are sent beside the statement. Failures: `query-timeout`, `query-not-read-only`, `query-failed` (with its place),
 * `query-many-statements`, `query-not-allowed`.
 */
export async function runQuery(
  connection: Connection,
  query: Query,
  { values, timeoutMs, maxRows }: RunQueryOptions,
): Promise<Result<QueryResult>> {
  const bound = bind(query.text, query.parameters, values)
  const kind = await kindOf(bound, query)
  if (!kind.ok) return kind
  const byCursor = kind.value === 'select' && query.readOnly
  try {
    await connection.query(query.readOnly ? 'begin read only' : 'begin')
    await connection.query(`set local statement_timeout = ${Math.ceil(timeoutMs)}`)
    const result = await (byCursor ? throughCursor : whole)(connection, bound, maxRows)
    await connection.query('commit')
    return ok(result)
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    const failure = failureOf(error, query, { ...bound, timeoutMs, before: byCursor ? declare.length : 0 })
    if (failure === undefined) throw error
    return failed(failure)
  }
}

/**
 * A query as one text, its values as literals in it: for COPY, which takes none beside. Failures: `query-many-statements`, `query-not-allowed` (also for what
 * is no SELECT).
 */
export async function selectText(query: Query, values: RunQueryOptions['values']): Promise<Result<string>> {
  const kind = await kindOf(bind(query.text, query.parameters, values), query)
  if (!kind.ok) return kind
  if (kind.value === 'select' && query.readOnly) return ok(withoutEnd(inline(query.text, query.parameters, values)))
  return failed({
    code: 'query-not-allowed',
    message: `the query ${query.name} is no SELECT that only reads, and nothing else is exported`,
    place: { file: nameOf(query) },
    next: [`task query ${query.name}`],
    outcome: 'unchanged',
  })
}

/** Whether it is one statement, and which. What the parser cannot read, a newer server may: it says so itself. */
async function kindOf({ sql, offset }: Bound, query: Query): Promise<Result<'select' | 'other'>> {
  const statements = parseScript(await loadParser(), sql)
  const [first, second] = statements
  const placed = (at: number) => ({ place: { file: nameOf(query), ...placeAt(query.text, offset(at)) } })
  if (first === undefined || second !== undefined) {
    return failed({
      code: 'query-many-statements',
      message: `the query ${query.name} has ${first === undefined ? 'no statement' : 'more than one statement'}`,
      ...(second ? placed(second.start) : {}),
      next: ['make a file of its own for each'],
      outcome: 'unchanged',
    })
  }
  if (first.kind === 'CopyStmt' || first.kind === 'TransactionStmt') {
    return failed({
      code: 'query-not-allowed',
      message: `the query ${query.name} is ${first.kind === 'CopyStmt' ? 'a COPY' : 'transaction control'}, which is not run here`,
      ...placed(first.start),
      next: first.kind === 'CopyStmt' ? ['task data export'] : ['take it out: a query is one transaction'],
      outcome: 'unchanged',
    })
  }
  // A cursor takes neither SELECT INTO nor a WITH that changes something; the server refuses those in its own words.
  const changes = /"(intoClause|InsertStmt|UpdateStmt|DeleteStmt|MergeStmt)":/.test(JSON.stringify(first.node))
  const isSelect = first.kind === 'SelectStmt' && !changes
  return ok(isSelect ? 'select' : 'other')
}

/** All values as the server writes them. */
const asText = { getTypeParser: () => (value: string) => value }

/** Rows as lists, by the extended protocol, which takes one statement only. */
const extended = (text: string, values: (string | null)[] = []) =>
  ({ text, values, rowMode: 'array', types: asText, queryMode: 'extended' }) as const

async function throughCursor(connection: Connection, { sql, values }: Bound, maxRows: number): Promise<QueryResult> {
  await connection.query(extended(declare + withoutEnd(sql), values))
  const { rows, fields } = await connection.query<Cell[]>(extended(`fetch ${maxRows + 1} from vital_ops_query`))
  return {
    columns: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })),
    rows: rows.slice(0, maxRows),
    more: rows.length > maxRows,
    command: 'SELECT',
    count: Math.min(rows.length, maxRows),
  }
}

async function whole(connection: Connection, { sql, values }: Bound, maxRows: number): Promise<QueryResult> {
  const { rows, fields, command, rowCount } = await connection.query<Cell[]>(extended(sql, values))
  return {
    columns: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })),
    rows: rows.slice(0, maxRows),
    more: rows.length > maxRows,
    command,
    count: rowCount ?? rows.length,
  }
}

/** DECLARE takes no semicolon behind the query; a comment may stand behind it. */
function withoutEnd(sql: string): string {
  const text = sql.trimEnd()
  return text.endsWith(';') ? text.slice(0, -1) : text
}

const nameOf = ({ name, path }: Query): string => path ?? `the built-in query ${name}`

/** What was sent: `before` is how much stands before the query in its statement. */
type Sent = Bound & { timeoutMs: number; before: number }

function failureOf(error: unknown, query: Query, sent: Sent): Failure | undefined {
  if (!isServerError(error) || isConnectionLost(error)) return undefined
  if (error.code === '57014') {
    return {
      code: 'query-timeout',
      message: `the query ${query.name} was ended after ${formatDuration(sent.timeoutMs)}`,
      why: error.message,
      next: [`task query ${query.name} --timeout ${formatDuration(sent.timeoutMs * 10)}`],
    }
  }
  if (error.code === '25006') {
    return {
      code: 'query-not-read-only',
      message: `the query ${query.name} would change something: ${error.message}`,
      place: { file: nameOf(query) },
      why: 'without `-- read-only: false` in its header a query runs in a read-only transaction',
      next: ['say `-- read-only: false` in its header; it is planned, confirmed and recorded then'],
      outcome: 'unchanged',
    }
  }
  const detail = detailOf(error)
  const place = placeOf(error, sent)
  return {
    code: 'query-failed',
    message: `the query ${query.name}: ${error.message} (SQLSTATE ${error.code})`,
    place: { file: nameOf(query), ...(place === undefined ? {} : placeAt(query.text, place)) },
    ...(place === undefined ? {} : { source: lineAt(query.text, place) }),
    ...(detail === undefined ? {} : { why: detail }),
  }
}

/** The offset in the query's text at which the server saw the error. */
function placeOf({ position }: PostgresError, { sql, offset, before }: Sent): number | undefined {
  const index = Number(position) - 1 - before
  return index >= 0 ? offset(characterOffset(sql, index)) : undefined
}

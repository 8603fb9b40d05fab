import type { MigrationFile } from '../../model/desired.ts'
import type { Failure } from '../../model/failure.ts'
import { detailOf, isConnectionLost, isServerError, type PostgresError } from '../failures.ts'
import type { Statement } from '../sql/parser.ts'
import { characterOffset, lineAt, placeAt } from '../sql/positions.ts'

/** Where a script was when it failed. */
export type FailedAt = {
  /** `migration` or `seed`, for the text and the failure's code. */
  what: 'migration' | 'seed'
  file: Pick<MigrationFile, 'name' | 'path'> & { version?: string }
  text: string
  /** Undefined when it failed at its commit (deferred constraints). */
  statement?: Statement
  /** What is true now, for the person: what was rolled back, or from where the next run goes on. */
  state: string
}

const statementLines = 12

/**
 * The failure of a script that the server refused: PostgreSQL's message, the place in the file, the statement, what was left, and what to
 * type. Undefined for errors that are not the script's: a lost connection, a defect.
 */
export function scriptFailure(error: unknown, at: FailedAt): Failure | undefined {
  if (!isServerError(error) || isConnectionLost(error)) return undefined
  const { what, file, text, statement } = at
  const offset = statement && errorOffset(error, statement)
  const shown = statement?.text.split('\n').slice(0, statementLines)
  const detail = detailOf(error)
  return {
    code: `${what}-failed`,
    message: `${what} ${[file.version, file.name].filter(Boolean).join(' ')}: ${error.message} (SQLSTATE ${error.code})`,
    place: { file: file.path, ...(offset !== undefined && placeAt(text, offset)) },
    ...(offset !== undefined && { source: lineAt(text, offset) }),
    why: [
      ...(detail === undefined ? [] : [detail]),
      ...(hints[error.code ?? ''] ?? []),
      ...(shown === undefined ? [] : ['in the statement:', ...shown.map((line) => `  ${line}`)]),
      at.state,
    ].join('\n'),
    next: what === 'seed' ? [`mend ${file.path}`, 'task setup'] : [`mend ${file.path}`, 'task migrate up'],
  }
}

/** Where in the file the server saw the error: its position in the statement, the line of COPY's data, else the statement's beginning. */
function errorOffset(error: PostgresError, statement: Statement): number {
  const position = Number(error.position)
  if (position > 0) return statement.start + characterOffset(statement.text, position - 1)
  const [, line] = (statement.data && /^COPY .*, line (\d+)/.exec(error.where ?? '')) ?? []
  if (statement.data === undefined || line === undefined) return statement.start
  const before = statement.data.text.split('\n').slice(0, Number(line) - 1)
  return statement.data.start + before.reduce((length, text) => length + text.length + 1, 0)
}

const hints: Record<string, string[]> = {
  // unsafe_new_enum_value_usage: ALTER TYPE … ADD VALUE and its use in one transaction.
  '55P04': ['put the use of the new value into a migration of its own'],
  '57014': [
    'its time is set by `-- vital-ops: statement-timeout 10m`, or by database.statementTimeout of the environment',
  ],
  '42501': ['the role of the database may not do this; in production it may not either'],
}

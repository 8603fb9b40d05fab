import type { MigrationFile } from '../../model/desired.ts'
import type { Milliseconds } from '../../model/duration.ts'
import { type Failure, FailureError } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { isConnectionLost } from '../failures.ts'
import { loadParser, parseScript, type Statement } from '../sql/parser.ts'
import { outsideTransaction } from '../sql/statements.ts'
import { type Migration, timeoutOf } from './definition.ts'
import { scriptFailure } from './failure.ts'
import { dropInvalidNamesake, dropLeftIndexes, indexesBefore, isInvalid } from './indexes.ts'
import { recordProgress } from './ledger.ts'
import { type Patience, patiently } from './patience.ts'
import { StatementError } from './run-statement.ts'
import { setLockTimeout } from './session.ts'
import { callMigration } from './typed-context.ts'

/** A migration in TypeScript, or its way back, ready to run. */
export type TypedRun = {
  file: MigrationFile
  definition: Migration
  direction: 'up' | 'down'
  /** Writes into the ledger what was done, within the transaction. `statements`: how many texts the function ran. */
  record(statements: number): Promise<void>
}

/** How it is run. */
export type TypedRunOptions = {
  what: string
  output: (line: string) => void
  patience: Patience
  /** How long each statement may take, in milliseconds; 0 is as long as it wants. */
  statementTimeoutMs?: Milliseconds
  signal?: AbortSignal
}

/**
 * Runs a migration in TypeScript: in one transaction with what is recorded of it, or, with `transaction: false`, each statement by itself. Then it is noted
 * that it was begun, and what is cut off begins anew with the next run; an invalid index that was left is dropped before it is built again. Undefined when
 * it is done. Failures: `migration-failed`, `migration-transaction-control`, `index-invalid`. Throws a lost connection.
 */
export async function runTyped(
  connection: Connection,
  run: TypedRun,
  options: TypedRunOptions,
): Promise<Failure | undefined> {
  const { file, definition, direction } = run
  const transaction = definition.transaction !== false
  try {
    await setLockTimeout(connection, `${options.patience.lockTimeoutMs}ms`)
    await connection.query(
      `set statement_timeout = ${timeoutOf(definition.statementTimeout) ?? options.statementTimeoutMs ?? 0}`,
    )
    if (!transaction && direction === 'up')
      await recordProgress(connection, { version: file.version, sha256: file.sha256, done: 0 })
    await patiently(connection, options.patience, options, () =>
      transaction ? inOneTransaction(connection, run, options) : oneByOne(connection, run, options),
    )
    return undefined
  } catch (error) {
    return failureOf(error, run, transaction)
  }
}

const work = ({ definition: { up, down }, direction }: TypedRun): Migration['up'] =>
  direction === 'up' ? up : (down ?? (() => {}))

async function inOneTransaction(connection: Connection, run: TypedRun, { output }: TypedRunOptions): Promise<void> {
  try {
    await connection.query('begin')
    const ask = (text: string, values?: readonly unknown[]) => rowsOf(connection, text, values)
    const statements = await callMigration(work(run), { path: run.file.path, output, ask })
    // As with SQL: an error of a deferred constraint is the migration's, and what it has set is not for the ledger.
    await connection.query(
      'set statement_timeout = 0; set constraints all immediate; reset session authorization; reset role',
    )
    await run.record(statements)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error
  }
}

async function oneByOne(connection: Connection, run: TypedRun, options: TypedRunOptions): Promise<void> {
  const parse = await loadParser()
  const statements = await callMigration(work(run), {
    path: run.file.path,
    output: options.output,
    ask: async (text, values) => {
      const [statement, ...more] = parseScript(parse, text)
      const concurrent =
        statement && more.length === 0 && outsideTransaction(statement)?.endsWith('CONCURRENTLY') === true
      return concurrent
        ? concurrently(connection, run, statement, () => rowsOf(connection, text, values), options)
        : rowsOf(connection, text, values)
    },
  })
  await connection.query('begin; set statement_timeout = 0; reset session authorization; reset role')
  try {
    await run.record(statements)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error
  }
}

/** Several statements in one text give the rows of the last one. */
async function rowsOf(connection: Connection, text: string, values?: readonly unknown[]) {
  const result = (await connection.query(text, values && [...values])) as unknown
  const last = (Array.isArray(result) ? result.at(-1) : result) as { rows: Record<string, unknown>[] }
  return last.rows
}

/** What waits for older transactions without stopping anybody may take its time; an index that is left invalid is dropped, before it and after it. */
async function concurrently<T>(
  connection: Connection,
  { file }: TypedRun,
  statement: Statement,
  ask: () => Promise<T>,
  { what, output, patience }: TypedRunOptions,
): Promise<T> {
  const creates = statement.kind === 'IndexStmt'
  if (creates) await dropInvalidNamesake(connection, statement, output)
  const before = creates || statement.kind === 'ReindexStmt' ? await indexesBefore(connection, statement) : undefined
  try {
    await setLockTimeout(connection, '0')
    const rows = await ask()
    if (!creates || !(await isInvalid(connection, statement))) return rows
    throw new FailureError({
      code: 'index-invalid',
      message: `migration ${what}: the index was built, but PostgreSQL marks it as invalid`,
      place: { file: file.path },
      source: statement.text,
      why: 'somebody else may be building an index of the same name',
      next: ['task migrate up'],
    })
  } catch (error) {
    if (before && !isConnectionLost(error)) await dropLeftIndexes(connection, before, output)
    throw error
  } finally {
    await setLockTimeout(connection, `${patience.lockTimeoutMs}ms`).catch(() => {})
  }
}

/** What went wrong, for people. Throws what is no failure of the migration: a lost connection. */
function failureOf(error: unknown, { file, direction }: TypedRun, transaction: boolean): Failure {
  const [known] = error instanceof FailureError ? error.failures : []
  if (known) return known
  const command = direction === 'up' ? 'task migrate up' : 'task migrate down'
  const state = transaction
    ? `it was rolled back: ${direction === 'up' ? 'nothing of this migration is in the database' : 'the migration is applied as it was'}`
    : `what its statements have done is in the database (transaction: false); ${command} begins with the first one again`
  const next = [`mend ${file.path}`, command]
  const cause = error instanceof StatementError ? error.cause : error
  if (isConnectionLost(cause)) throw cause
  const statement = error instanceof StatementError ? error.statement : undefined
  const failure = scriptFailure(cause, {
    what: 'migration',
    file,
    text: statement?.text ?? '',
    ...(statement && { statement }),
    state,
  })
  // Which line of code asked for it is not known.
  if (failure) return { ...failure, place: { file: file.path }, next }
  return {
    code: 'migration-failed',
    message: `migration ${file.version} ${file.name}: ${cause instanceof Error ? cause.message : String(cause)}`,
    place: { file: file.path },
    why: state,
    next,
  }
}

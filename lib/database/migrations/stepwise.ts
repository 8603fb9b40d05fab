import { createHash } from 'node:crypto'
import { FailureError } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { isConnectionLost, isServerError } from '../failures.ts'
import type { Statement } from '../sql/parser.ts'
import { placeAt } from '../sql/positions.ts'
import { child, entries, outsideTransaction, relationName, setsSession } from '../sql/statements.ts'
import {
  dropInvalidNamesake,
  dropLeftIndexes,
  type IndexesBefore,
  indexesBefore,
  indexWasBuilt,
  isInvalid,
} from './indexes.ts'
import { type Progress, recordMigration, recordProgress } from './ledger.ts'
import { type Patience, patiently } from './patience.ts'
import { runStatement, StatementError } from './run-statement.ts'
import type { Prepared } from './script.ts'
import { setLockTimeout } from './session.ts'

/** How a migration is run statement by statement. */
export type StepOptions = {
  what: string
  output: (line: string) => void
  patience: Patience
  /** When it began, on performance.now's clock. */
  started: number
  release?: number | undefined
  signal?: AbortSignal
  /** Records the end, in a transaction of its own; default is the migration's row in the ledger. */
  finish?: () => Promise<void>
}

/**
 * Runs a migration that cannot be one transaction. A statement that can be in a transaction is committed together with the progress that
 * records it. Any other is announced before it runs; if this process is killed in it, the next run finds the announcement, clears what
 * is half-done, and sees from the catalogue whether it had worked. Throws `StatementError` and `FailureError` (`migration-progress-changed`).
 */
export async function applyStepwise(
  connection: Connection,
  prepared: Prepared,
  progresses: readonly Progress[],
  options: StepOptions,
): Promise<void> {
  const { file, migration } = prepared
  const { statements } = migration.up
  const progress = progresses.find(({ version }) => version === file.version)
  const done = progress?.done ?? 0
  if (progress && progress.sha256 !== digestOf(statements.slice(0, done))) throw progressChanged(prepared, done)
  if (progress) options.output(`${options.what}: going on with statement ${done + 1} of ${statements.length}`)
  // Settings of an earlier session are gone with it.
  for (const statement of statements.slice(0, done).filter(setsSession)) await runStatement(connection, statement)

  for (const [index, statement] of statements.entries()) {
    if (index < done) continue
    const begun = progress && progress.begun === index ? progress : undefined
    const step = { connection, prepared, index, statement, options }
    await patiently(connection, options.patience, options, () =>
      outsideTransaction(statement) === undefined ? runInside(step) : runOutside(step, begun),
    )
  }
  await connection.query('begin; reset session authorization; reset role')
  if (options.finish) await options.finish()
  else {
    await recordMigration(connection, file, {
      text: migration.text,
      statements: statements.length,
      durationMs: performance.now() - options.started,
      ...(options.release !== undefined && { release: options.release }),
    })
  }
  await connection.query('commit')
}

type Step = { connection: Connection; prepared: Prepared; index: number; statement: Statement; options: StepOptions }

async function runInside({ connection, prepared, index, statement }: Step): Promise<void> {
  try {
    await connection.query('begin')
    await runStatement(connection, statement)
    await recordProgress(connection, progressAfter(prepared, index + 1))
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw new StatementError(error, statement)
  }
}

async function runOutside(step: Step, begun: Progress | undefined): Promise<void> {
  const { connection, prepared, index, statement, options } = step
  const indexes = statement.kind === 'IndexStmt' || statement.kind === 'ReindexStmt'
  if (begun?.before && (await finishBegun(step, begun.before as unknown as Announcement))) return
  if (statement.kind === 'IndexStmt') await dropInvalidNamesake(connection, statement, options.output)
  const before: Announcement = {
    text: digestOf([statement]),
    ...(indexes && { indexes: await indexesBefore(connection, statement) }),
  }
  await recordProgress(connection, { ...progressAfter(prepared, index), begun: index, before })
  try {
    // A concurrent build waits for older transactions without stopping anybody: it may take its time.
    if (concurrent(statement)) await setLockTimeout(connection, '0')
    await runStatement(connection, statement)
  } catch (error) {
    if (!isConnectionLost(error) && !(begun && isDone(error, statement))) {
      await clearUp(step, before)
      throw new StatementError(error, statement)
    }
    if (isConnectionLost(error)) throw new StatementError(error, statement)
  } finally {
    await setLockTimeout(connection, `${options.patience.lockTimeoutMs}ms`).catch(() => {})
  }
  if (statement.kind === 'IndexStmt' && (await isInvalid(connection, statement))) {
    await clearUp(step, before)
    throw indexInvalid(step)
  }
  await recordProgress(connection, progressAfter(prepared, index + 1))
}

/** What is written before a statement runs outside a transaction. */
type Announcement = { text: string; indexes?: IndexesBefore }

/** Deals with a statement that a killed run had begun: clears what is half-done; true if it had worked. */
async function finishBegun(step: Step, before: Announcement): Promise<boolean> {
  const { connection, prepared, index, statement, options } = step
  const same = before.text === digestOf([statement])
  if (before.indexes) await dropLeftIndexes(connection, before.indexes, options.output)
  if (!same || statement.kind !== 'IndexStmt' || before.indexes === undefined) {
    return finishDetach(step, same)
  }
  if (!(await indexWasBuilt(connection, statement, before.indexes))) return false
  options.output(`${options.what}: statement ${index + 1} had been done by a run that was cut off`)
  await recordProgress(connection, progressAfter(prepared, index + 1))
  return true
}

/** DETACH PARTITION CONCURRENTLY that was cut off between its two transactions is ended by FINALIZE alone. */
async function finishDetach({ connection, prepared, index, statement }: Step, same: boolean): Promise<boolean> {
  if (!same || statement.kind !== 'AlterTableStmt') return false
  const [, command] = entries(statement.node, 'cmds')[0] ?? []
  const quote = ({ schema, name }: ReturnType<typeof relationName>) =>
    [schema, name].flatMap((part) => (part === undefined ? [] : connection.escapeIdentifier(part))).join('.')
  const parent = quote(relationName(child(statement.node, 'relation')))
  const partition = quote(relationName(child(child(child(command, 'def'), 'PartitionCmd'), 'name')))
  const { rows } = await connection.query<{ pending: boolean }>(
    `select inhdetachpending as pending from pg_catalog.pg_inherits
     where inhparent = pg_catalog.to_regclass($1) and inhrelid = pg_catalog.to_regclass($2)`,
    [parent, partition],
  )
  if (rows[0]?.pending === false) return false
  if (rows[0]?.pending) await connection.query(`alter table ${parent} detach partition ${partition} finalize`)
  await recordProgress(connection, progressAfter(prepared, index + 1))
  return true
}

/** After a statement that failed: nothing of it stays, and the next run begins with it. */
async function clearUp({ connection, prepared, index, options }: Step, before: Announcement): Promise<void> {
  if (before.indexes) await dropLeftIndexes(connection, before.indexes, options.output)
  await recordProgress(connection, progressAfter(prepared, index))
}

/** SQLSTATEs by which a statement, run a second time, says that the first time had worked. */
const doneStates: Record<string, string[]> = {
  DropStmt: ['42704', '42P01'],
  CreatedbStmt: ['42P04'],
  DropdbStmt: ['3D000'],
  CreateTableSpaceStmt: ['42710'],
  DropTableSpaceStmt: ['42704'],
  CreateSubscriptionStmt: ['42710'],
  DropSubscriptionStmt: ['42704'],
}

const isDone = (error: unknown, { kind = '' }: Statement): boolean =>
  isServerError(error) && (doneStates[kind]?.includes(error.code ?? '') ?? false)

const concurrent = (statement: Statement): boolean => outsideTransaction(statement)?.endsWith('CONCURRENTLY') ?? false

function progressAfter({ file, migration }: Prepared, done: number): Progress {
  return { version: file.version, sha256: digestOf(migration.up.statements.slice(0, done)), done }
}

/** Identity of statements that have run: the rest of the file may be mended. */
function digestOf(statements: readonly Statement[]): string {
  const hash = createHash('sha256')
  for (const { text, data } of statements) hash.update(`${text}\0${data?.text ?? ''}\0`)
  return hash.digest('hex')
}

function progressChanged({ file, migration }: Prepared, done: number): FailureError {
  return new FailureError({
    code: 'migration-progress-changed',
    message: `migration ${file.version} ${file.name} was begun, and what had run of it was changed since`,
    place: { file: file.path, ...placeAt(migration.text, migration.up.statements[0]?.start ?? 0) },
    why: `its first ${done === 1 ? 'statement is' : `${done} statements are`} in the database as they were; only what follows may be mended`,
    next: [`restore the beginning of ${file.path}`, 'task migrate up'],
    outcome: 'unchanged',
  })
}

function indexInvalid({ prepared: { file, migration }, statement }: Step): FailureError {
  return new FailureError({
    code: 'index-invalid',
    message: `migration ${file.version} ${file.name}: the index was built, but PostgreSQL marks it as invalid`,
    place: { file: file.path, ...placeAt(migration.text, statement.start) },
    why: 'somebody else may be building an index of the same name',
    next: ['task migrate up'],
  })
}

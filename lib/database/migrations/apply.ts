import type { MigrationFile } from '../../model/desired.ts'
import type { Milliseconds } from '../../model/duration.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { isServerError } from '../failures.ts'
import type { KnownFiles } from '../known-files.ts'
import { recordSchema } from '../schema/fingerprint.ts'
import type { Statement } from '../sql/parser.ts'
import { applyGroup, type Sharing } from './apply-group.ts'
import { scriptFailure } from './failure.ts'
import { ensureLedger, type Ledger, readLedger, recordFailure, recordMigration } from './ledger.ts'
import { lockMigrations, unlockMigrations } from './lock.ts'
import { defaultPatience, type Patience, patiently } from './patience.ts'
import { findPending, prepareAll, type Ready } from './prepare.ts'
import { runStatement, StatementError } from './run-statement.ts'
import { runTyped } from './run-typed.ts'
import { type ParsedMigration, type Prepared, parseMigration } from './script.ts'
import { prepareSession, resetSession, setLockTimeout } from './session.ts'
import { applyStepwise } from './stepwise.ts'

/** How migrations are applied. */
export type ApplyOptions = {
  /** The root of the source that the files' paths are relative to. */
  root: string
  /** One line of progress. */
  output: (line: string) => void
  /** The release they are applied for, for the ledger. */
  release?: number
  signal?: AbortSignal
  /** How long to wait for somebody else's migrations, in milliseconds; default 10 minutes. */
  lockWaitMs?: number
  /** What was found in files before, for a database that is made from nothing. */
  known?: KnownFiles
  patience?: Patience
  /** How long each statement may take, in milliseconds, where its file says nothing; default is as long as it wants. */
  statementTimeoutMs?: Milliseconds
}

/**
 * Applies the pending ones of the files, in version order, under the migration lock: each in one transaction with its row in the
 * ledger, or, where a statement does not allow that, statement by statement with recorded progress. What was committed stays; killed at any point,
 * the next call goes on. Nothing runs if a file was changed after it was applied, is out of order, or holds a syntax error. Returns the
 * versions that this call applied.
 *
 * Failures: `migration-changed`, `migration-out-of-order`, `migration-syntax`, `migration-failed`, `migrations-locked`, `pooler-between`,
 * `changed-meanwhile` (a file is not the one of the plan), those of `parseMigration`. What pg throws otherwise is for `withDatabase`.
 */
export async function applyMigrations(
  connection: Connection,
  files: readonly MigrationFile[],
  options: ApplyOptions,
): Promise<Result<string[]>> {
  const session = await prepareSession(connection)
  if (!session.ok) return session
  // A first look without the lock: when there is nothing to do, nothing is written and nobody is waited for.
  const first = await findPending(connection, files, await readLedger(connection), options.root)
  if (!first.ok) return first
  if (first.value.length === 0) return ok([])
  const prepared = await prepareAll(first.value, options.root, session.value.major, options.known)
  if (!prepared.ok) return prepared

  const { output, signal, lockWaitMs = 10 * 60_000 } = options
  const locked = await lockMigrations(connection, { waitMs: lockWaitMs, output, ...(signal && { signal }) })
  if (!locked.ok) return locked
  try {
    return await applyLocked(connection, files, prepared.value, options)
  } finally {
    // Where the connection is gone, so is the lock.
    await unlockMigrations(connection).catch(() => {})
  }
}

async function applyLocked(
  connection: Connection,
  files: readonly MigrationFile[],
  prepared: Ready[],
  options: ApplyOptions,
): Promise<Result<string[]>> {
  await ensureLedger(connection)
  const ledger = await readLedger(connection)
  const pending = await findPending(connection, files, ledger, options.root)
  if (!pending.ok) return pending
  const known = new Map(prepared.map((one) => [one.file.version, one]))
  const ready = pending.value.map(({ version }) => {
    const one = known.get(version)
    // The ledger only grows: what is pending now was so before the lock was had.
    if (one === undefined) throw new Error(`migration ${version} became pending while the lock was waited for`)
    return one
  })
  // Of a database that nothing was applied to yet nobody waits for locks; every other one gets a transaction for each migration.
  const fresh = ledger.applied.length === 0 && ledger.progress.length === 0
  const applied: string[] = []
  let alone = 0
  while (applied.length < ready.length) {
    if (fresh && alone === 0) {
      const group = await applyNext(connection, ready.slice(applied.length), options)
      applied.push(...group.applied)
      alone = group.alone
      if (group.applied.length > 0) continue
    }
    const [one] = ready.slice(applied.length, applied.length + 1)
    if (one === undefined) break
    alone = Math.max(0, alone - 1)
    const failure = await applyOne(connection, one, ledger, options)
    if (failure) {
      if (applied.length > 0) await noteSchema(connection, options)
      // Only for `status`; where the connection is gone, the failure is said here all the same.
      await recordFailure(connection, one.file.version, failure.message).catch(() => {})
      return failed(failure)
    }
    applied.push(one.file.version)
  }
  if (applied.length > 0) await noteSchema(connection, options)
  return ok(applied)
}

/** Applies the next ones together, as far as they may be; nothing where they may not. */
async function applyNext(
  connection: Connection,
  ready: readonly Ready[],
  { output, release, signal, statementTimeoutMs = 0, patience = defaultPatience }: ApplyOptions,
): Promise<{ applied: string[]; alone: number }> {
  const shared: Sharing[] = []
  for (const one of ready) {
    if (!('sharing' in one) || one.sharing === undefined) break
    shared.push(one.sharing)
  }
  if (shared.length < 2) return { applied: [], alone: 1 }
  const { lockTimeoutMs } = patience
  const { applied, alone } = await applyGroup(connection, shared, {
    lockTimeoutMs,
    statementTimeoutMs,
    release,
    signal,
  })
  for (const { migration, durationMs } of applied) {
    output(`applied ${migration.file.version} ${migration.file.name} in ${(durationMs / 1000).toFixed(2)}s`)
  }
  return { applied: applied.map(({ migration }) => migration.file.version), alone }
}

/** Records the schema for `check`. What cannot be recorded is said, and makes no applied migration a failed one. */
export async function noteSchema(connection: Connection, { output }: ApplyOptions): Promise<void> {
  try {
    await recordSchema(connection)
  } catch (error) {
    if (!isServerError(error)) throw error
    output(`the schema was not recorded for task migrate check: ${error.message}`)
  }
}

/** Applies one migration; undefined when it is applied. */
async function applyOne(
  connection: Connection,
  ready: Ready,
  ledger: Ledger,
  options: ApplyOptions,
): Promise<Failure | undefined> {
  if ('typed' in ready) return applyTyped(connection, ready, options)
  const parsed = 'migration' in ready ? undefined : await parseMigration(ready.sharing.text, ready.file.path)
  if (parsed?.ok === false) return parsed.failures[0]
  const prepared = parsed ? { file: ready.file, migration: parsed.value } : (ready as Prepared)
  const { file, migration } = prepared
  const { output, signal, patience = defaultPatience } = options
  const how = { what: `${file.version} ${file.name}`, output, ...(signal && { signal }) }
  const started = performance.now()
  const { statementTimeoutMs = options.statementTimeoutMs ?? 0 } = migration.format
  try {
    if (migration.up.transaction) {
      const begin = `begin; set local lock_timeout = '${patience.lockTimeoutMs}ms'; set local statement_timeout = ${statementTimeoutMs}`
      await patiently(connection, patience, how, () => applyWhole(connection, prepared, { ...options, started, begin }))
    } else {
      await setLockTimeout(connection, `${patience.lockTimeoutMs}ms`)
      await connection.query(`set statement_timeout = ${statementTimeoutMs}`)
      await applyStepwise(connection, prepared, ledger.progress, {
        ...how,
        patience,
        started,
        release: options.release,
      })
    }
    output(`applied ${how.what} in ${((performance.now() - started) / 1000).toFixed(2)}s`)
    return undefined
  } catch (error) {
    if (error instanceof FailureError) return error.failures[0]
    if (!(error instanceof StatementError)) throw error
    const failure = scriptFailure(error.cause, {
      what: 'migration',
      file,
      text: migration.text,
      ...(error.statement && { statement: error.statement }),
      state: stateAfter(migration, error.statement),
    })
    if (failure === undefined) throw error.cause
    return failure
  } finally {
    // After a lost connection there is nothing to reset.
    await resetSession(connection).catch(() => {})
  }
}

async function applyTyped(
  connection: Connection,
  { file, typed }: Extract<Ready, { typed: unknown }>,
  { output, signal, release, statementTimeoutMs = 0, patience = defaultPatience }: ApplyOptions,
): Promise<Failure | undefined> {
  const what = `${file.version} ${file.name}`
  const started = performance.now()
  try {
    const failure = await runTyped(
      connection,
      {
        file,
        definition: typed.definition,
        direction: 'up',
        record: (statements) => {
          const durationMs = performance.now() - started
          const done = { text: typed.text, statements, durationMs, ...(release !== undefined && { release }) }
          return recordMigration(connection, file, done)
        },
      },
      { what, output, patience, statementTimeoutMs, ...(signal && { signal }) },
    )
    if (failure === undefined) output(`applied ${what} in ${((performance.now() - started) / 1000).toFixed(2)}s`)
    return failure
  } finally {
    await resetSession(connection).catch(() => {})
  }
}

/** What is true after a statement of a migration failed, for people. */
export function stateAfter({ up }: Pick<ParsedMigration, 'up'>, statement: Statement | undefined): string {
  if (up.transaction) return 'it was rolled back: nothing of this migration is in the database'
  const index = statement ? up.statements.indexOf(statement) : 0
  const done =
    index === 0 ? 'nothing of it is' : index === 1 ? 'its first statement is' : `its first ${index} statements are`
  return `${done} in the database and recorded (it cannot be one transaction: ${up.reason}); the next run goes on with this one`
}

async function applyWhole(
  connection: Connection,
  { file, migration }: Prepared,
  { started, begin, release }: Pick<ApplyOptions, 'release'> & { started: number; begin: string },
): Promise<void> {
  const { statements } = migration.up
  let current: Statement | undefined
  try {
    await connection.query(begin)
    for (current of statements) await runStatement(connection, current)
    current = undefined
    // Deferred constraints are looked at here, so that an error is still the migration's; it may have become another role, and a
    // limit that it set is not for the ledger.
    await connection.query(
      'set statement_timeout = 0; set constraints all immediate; reset session authorization; reset role',
    )
    await recordMigration(connection, file, {
      text: migration.text,
      statements: statements.length,
      durationMs: performance.now() - started,
      ...(release !== undefined && { release }),
    })
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw new StatementError(error, current)
  }
}

import { join } from 'node:path'
import type { SeedFile } from '../../model/desired.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import type { ApplyOptions } from '../migrations/apply.ts'
import { scriptFailure } from '../migrations/failure.ts'
import { appliedBy, ensureLedger, readLedger } from '../migrations/ledger.ts'
import { lockMigrations, unlockMigrations } from '../migrations/lock.ts'
import { defaultPatience, patiently } from '../migrations/patience.ts'
import { runStatement, StatementError } from '../migrations/run-statement.ts'
import { parseMigration, type Script, syntaxFailures } from '../migrations/script.ts'
import { prepareSession, resetSession } from '../migrations/session.ts'
import { readSql } from '../sql-file.ts'
import { readJsonRows } from './json.ts'
import { loadSeed, runSeedFunction } from './module.ts'
import { inSeedOrder, seedKind } from './order.ts'
import { type Rows, tableOfName, upsertRows } from './rows.ts'

/**
 * Runs the seeds that were not run in their present form, in the order of their names (rows after those that they refer to), each in one
 * transaction with its row in the ledger. A seed whose content changes runs again: rows are inserted or updated by their key, and SQL is written so
 * that it may run again (`on conflict …`). Returns the names of those that ran.
 *
 * Failures: `seed-failed`, `seed-format`, `seed-table-unknown`, `seed-column-unknown`, `seed-no-key`, `seed-not-transactional`, `changed-meanwhile`, `migrations-locked`, `pooler-between`, `migration-syntax` and those
 * of reading.
 */
export async function applySeeds(
  connection: Connection,
  files: readonly SeedFile[],
  options: ApplyOptions,
): Promise<Result<string[]>> {
  const session = await prepareSession(connection)
  if (!session.ok) return session
  const { output, signal, lockWaitMs = 10 * 60_000 } = options
  if (pendingSeeds(files, (await readLedger(connection)).seeds).length === 0) return ok([])
  const locked = await lockMigrations(connection, { waitMs: lockWaitMs, output, ...(signal && { signal }) })
  if (!locked.ok) return locked
  try {
    await ensureLedger(connection)
    const applied: string[] = []
    const pending = pendingSeeds(files, (await readLedger(connection)).seeds)
    for (const file of await inSeedOrder(connection, pending)) {
      const done = await applySeed(connection, file, options)
      if (!done.ok) return done
      applied.push(file.name)
    }
    return ok(applied)
  } finally {
    await unlockMigrations(connection).catch(() => {})
  }
}

/** The seeds that the ledger does not have in their present form. */
export function pendingSeeds(
  files: readonly SeedFile[],
  seeded: readonly { name: string; sha256: string }[],
): SeedFile[] {
  const known = new Map(seeded.map(({ name, sha256 }) => [name, sha256]))
  return files.filter(({ name, sha256 }) => known.get(name) !== sha256)
}

async function applySeed(connection: Connection, file: SeedFile, options: ApplyOptions): Promise<Result<void>> {
  const read = await readSql(join(options.root, file.path), file.path)
  if (!read.ok) return read
  const { text, sha256 } = read.value
  if (sha256 !== file.sha256) return failed(notAsPlanned(file))
  const work = await workOf(file, text, options)
  if (!work.ok) return work
  const { output, signal, patience = defaultPatience } = options
  const started = performance.now()
  try {
    let did: string | undefined
    await patiently(
      connection,
      patience,
      { what: `seed ${file.name}`, output, ...(signal && { signal }) },
      async () => {
        did = await inTransaction(connection, file, work.value, started)
      },
    )
    const took = ((performance.now() - started) / 1000).toFixed(2)
    output(`ran the seed ${file.name} in ${took}s${did === undefined ? '' : `: ${did}`}`)
    return ok(undefined)
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    if (error.cause instanceof FailureError) return failed(...(error.cause.failures as [Failure, ...Failure[]]))
    const failure = scriptFailure(error.cause, {
      what: 'seed',
      file,
      text,
      ...(error.statement && { statement: error.statement }),
      state: 'it was rolled back: nothing of this seed is in the database',
    })
    if (failure === undefined) throw error.cause
    return failed(failure)
  } finally {
    await resetSession(connection).catch(() => {})
  }
}

/** Does what a seed says, within its transaction; returns a line about it. */
type Work = (connection: Connection) => Promise<string | undefined>

/** What a seed's file does, by its kind. What is wrong with the file itself is a failure before anything runs. */
async function workOf(file: SeedFile, text: string, options: ApplyOptions): Promise<Result<Work>> {
  const rowsWritten = async (connection: Connection, rows: readonly Rows[]) => {
    let count = 0
    for (const some of rows) count += await upsertRows(connection, some, file.path)
    return `${count} ${count === 1 ? 'row' : 'rows'} written`
  }
  switch (seedKind(file.name)) {
    case 'csv':
      return ok((connection) => rowsWritten(connection, [{ table: tableOfName(file.name), csv: text }]))
    case 'json': {
      const rows = readJsonRows(text, file)
      return rows.ok ? ok((connection) => rowsWritten(connection, rows.value)) : rows
    }
    case 'ts': {
      const seed = await loadSeed(options.root, file.path)
      if (!seed.ok) return seed
      return ok((connection) => runSeedFunction(connection, seed.value, file, options.output))
    }
    case 'sql':
      return sqlWork(file, text)
  }
}

async function sqlWork(file: SeedFile, text: string): Promise<Result<Work>> {
  const parsed = await parseMigration(text, file.path)
  if (!parsed.ok) return parsed
  const { up } = parsed.value
  const [first, ...rest] = syntaxFailures(up, text, file.path)
  if (first) return failed(first, ...rest)
  if (!up.transaction) return failed(notTransactional(file, up))
  return ok(async (connection) => {
    for (const statement of up.statements) {
      await runStatement(connection, statement).catch((error: unknown) => {
        throw new StatementError(error, statement)
      })
    }
    return undefined
  })
}

async function inTransaction(connection: Connection, file: SeedFile, work: Work, started: number) {
  try {
    await connection.query('begin')
    const did = await work(connection)
    await connection.query(
      'set statement_timeout = 0; set constraints all immediate; reset session authorization; reset role',
    )
    await connection.query(
      `insert into vital_ops.seeds (name, sha256, applied_by, duration_ms) values ($1, $2, $3, $4)
       on conflict (name) do update set sha256 = excluded.sha256, applied_by = excluded.applied_by,
         duration_ms = excluded.duration_ms, applied_at = pg_catalog.clock_timestamp()`,
      [file.name, file.sha256, appliedBy(), Math.round(performance.now() - started)],
    )
    await connection.query('commit')
    return did
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw error instanceof StatementError ? error : new StatementError(error, undefined)
  }
}

function notTransactional(file: SeedFile, script: Script): Failure {
  return {
    code: 'seed-not-transactional',
    message: `the seed ${file.name} cannot run in a transaction (${script.reason})`,
    place: { file: file.path },
    why: 'a seed is there as a whole or not at all',
    next: ['move the statement into a migration'],
    outcome: 'unchanged',
  }
}

function notAsPlanned(file: SeedFile): Failure {
  return {
    code: 'changed-meanwhile',
    message: `the seed ${file.name} is not the one that was planned`,
    place: { file: file.path },
    why: 'the file was changed between the plan and now',
    next: ['run the command again'],
    outcome: 'unchanged',
  }
}

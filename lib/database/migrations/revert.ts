import { join } from 'node:path'
import type { MigrationFile } from '../../model/desired.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import type { Statement } from '../sql/parser.ts'
import { readSql } from '../sql-file.ts'
import { type ApplyOptions, noteSchema, stateAfter } from './apply.ts'
import type { Migration } from './definition.ts'
import { scriptFailure } from './failure.ts'
import { ensureLedger, forgetMigration, type Ledger, readLedger } from './ledger.ts'
import { lockMigrations, unlockMigrations } from './lock.ts'
import { isRepeatable } from './names.ts'
import { defaultPatience, patiently } from './patience.ts'
import { notAsPlanned } from './prepare.ts'
import { runStatement, StatementError } from './run-statement.ts'
import { runTyped } from './run-typed.ts'
import { type ParsedMigration, parseDown } from './script.ts'
import { prepareSession, resetSession, setLockTimeout } from './session.ts'
import { isTyped, loadTypedMigration } from './source.ts'
import { applyStepwise } from './stepwise.ts'

/** Under this version the progress of a down part is recorded, beside that of the migration itself. */
const downVersion = (version: string): string => `down:${version}`

/**
 * Undoes applied migrations by their down parts, in the order given, under the migration lock: each in one transaction with its row's removal from
 * the ledger, or, where a statement does not allow that, statement by statement with recorded progress. What was committed stays; killed at any
 * point, the next call goes on. Returns the versions that are undone.
 *
 * Failures: `changed-meanwhile` (they are not the last applied ones any more, or a file is not the planned one), `migration-no-down`,
 * `migration-failed`, `migrations-locked`, `pooler-between`, those of `parseDown`. What pg throws otherwise is for `withDatabase`.
 */
export async function revertMigrations(
  connection: Connection,
  files: readonly MigrationFile[],
  options: ApplyOptions,
): Promise<Result<string[]>> {
  const session = await prepareSession(connection)
  if (!session.ok) return session
  const prepared: Down[] = []
  for (const file of files) {
    const one = await prepare(file, options.root)
    if (!one.ok) return one
    prepared.push(one.value)
  }
  const { output, signal, lockWaitMs = 10 * 60_000 } = options
  const locked = await lockMigrations(connection, { waitMs: lockWaitMs, output, ...(signal && { signal }) })
  if (!locked.ok) return locked
  try {
    await ensureLedger(connection)
    const ledger = await readLedger(connection)
    const left = stillApplied(files, ledger)
    if (!left.ok) return left
    const done: string[] = []
    for (const one of prepared.filter(({ file }) => left.value.includes(file.version))) {
      const failure = await revertOne(connection, one, ledger, options)
      if (failure) {
        if (done.length > 0) await noteSchema(connection, options)
        return failed(failure)
      }
      done.push(one.file.version)
    }
    if (done.length > 0) await noteSchema(connection, options)
    return ok(done)
  } finally {
    await unlockMigrations(connection).catch(() => {})
  }
}

type Down =
  | { file: MigrationFile; path: string; migration: ParsedMigration }
  | { file: MigrationFile; path: string; definition: Migration }

async function prepare(file: MigrationFile, root: string): Promise<Result<Down>> {
  const { path, sha256 } = file.down ?? file
  if (isTyped(path)) {
    const loaded = await loadTypedMigration(root, path)
    if (!loaded.ok) return loaded
    if (loaded.value.sha256 !== sha256) return failed(notAsPlanned(file))
    const { definition } = loaded.value
    return definition.down ? ok({ file, path, definition }) : failed(noDown(file))
  }
  const read = await readSql(join(root, path), path)
  if (!read.ok) return read
  if (read.value.sha256 !== sha256) return failed(notAsPlanned({ ...file, path }))
  const down = await parseDown(read.value.text, path, { alone: path !== file.path })
  if (!down.ok) return down
  if (down.value === undefined) return failed(noDown(file))
  return ok({ file, path, migration: { text: read.value.text, ...down.value } })
}

/** What of the planned ones is applied yet: all, or the rest of a run that was cut off. They must be the last applied ones. */
function stillApplied(files: readonly MigrationFile[], { applied }: Ledger): Result<string[]> {
  const known = applied.map(({ version }) => version).filter((version) => !isRepeatable(version))
  const left = files.map(({ version }) => version).filter((version) => known.includes(version))
  const last = known.slice(known.length - left.length).reverse()
  if (left.every((version, index) => version === last[index])) return ok(left)
  return failed({
    code: 'changed-meanwhile',
    message: `the last applied migrations are not the planned ones: ${last.join(', ')}`,
    why: `${left.join(', ')} was to be undone; somebody else has applied or undone migrations since`,
    next: ['run the command again'],
    outcome: 'unchanged',
  })
}

async function revertOne(
  connection: Connection,
  down: Down,
  ledger: Ledger,
  options: ApplyOptions,
): Promise<Failure | undefined> {
  const { file } = down
  const { output, signal, patience = defaultPatience } = options
  const what = `undoing ${file.version} ${file.name}`
  const how = { what, output, ...(signal && { signal }) }
  const started = performance.now()
  const forget = () => forgetMigration(connection, file.version)
  const said = () =>
    output(`undone ${file.version} ${file.name} in ${((performance.now() - started) / 1000).toFixed(2)}s`)
  if ('definition' in down) {
    const { definition } = down
    const failure = await runTyped(
      connection,
      { file, definition, direction: 'down', record: forget },
      { ...how, patience, statementTimeoutMs: options.statementTimeoutMs ?? 0 },
    )
    await resetSession(connection).catch(() => {})
    if (failure === undefined) said()
    return failure
  }
  const { migration } = down
  try {
    await setLockTimeout(connection, `${patience.lockTimeoutMs}ms`)
    await connection.query(
      `set statement_timeout = ${migration.format.statementTimeoutMs ?? options.statementTimeoutMs ?? 0}`,
    )
    if (migration.up.transaction) {
      await patiently(connection, patience, how, () => inOneTransaction(connection, migration.up.statements, forget))
    } else {
      const version = downVersion(file.version)
      await applyStepwise(connection, { file: { ...file, version, path: down.path }, migration }, ledger.progress, {
        ...how,
        patience,
        started,
        finish: async () => {
          await forget()
          await connection.query('delete from vital_ops.migration_progress where version = $1', [version])
        },
      })
    }
    said()
    return undefined
  } catch (error) {
    if (error instanceof FailureError) return error.failures[0]
    if (!(error instanceof StatementError)) throw error
    const failure = scriptFailure(error.cause, {
      what: 'migration',
      file: { ...file, path: down.path },
      text: migration.text,
      ...(error.statement && { statement: error.statement }),
      state: migration.up.transaction
        ? 'it was rolled back: the migration is applied as it was'
        : stateAfter(migration, error.statement),
    })
    if (failure === undefined) throw error.cause
    return { ...failure, next: [`mend ${down.path}`, 'task migrate down'] }
  } finally {
    await resetSession(connection).catch(() => {})
  }
}

async function inOneTransaction(
  connection: Connection,
  statements: readonly Statement[],
  record: () => Promise<void>,
): Promise<void> {
  let current: Statement | undefined
  try {
    await connection.query('begin')
    for (current of statements) await runStatement(connection, current)
    current = undefined
    await connection.query(
      'set statement_timeout = 0; set constraints all immediate; reset session authorization; reset role',
    )
    await record()
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback').catch(() => {})
    throw new StatementError(error, current)
  }
}

const noDown = ({ version, name, path }: MigrationFile): Failure => ({
  code: 'migration-no-down',
  message: `migration ${version} ${name} has no down part`,
  place: { file: path },
  why: 'nothing says how to undo it',
  next: ['write a new migration that does', 'task restore, where the data are to be as they were'],
  outcome: 'unchanged',
})

import type { MigrationFile } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { pendingAmong } from '../../model/migration.ts'
import type { Connection } from '../connect.ts'
import type { KnownFiles } from '../known-files.ts'
import { parserMajor } from '../sql/parser.ts'
import type { Sharing } from './apply-group.ts'
import { blockingFailures, migrationStatus } from './compare.ts'
import { describeDifference } from './difference.ts'
import { type Ledger, readAppliedText } from './ledger.ts'
import { type Prepared, parseMigration, syntaxFailures } from './script.ts'
import { sharedPart } from './sharing.ts'
import { isTyped, loadTypedMigration, readMigrationText, type TypedMigration } from './source.ts'

/**
 * The files that are to run. Failures: what keeps them from it (`migration-changed`, with where it differs; `migration-out-of-order`).
 */
export async function findPending(
  connection: Connection,
  files: readonly MigrationFile[],
  ledger: Ledger,
  root: string,
): Promise<Result<MigrationFile[]>> {
  const rows = migrationStatus(files, ledger.applied)
  const [first, ...rest] = blockingFailures(rows)
  if (first) {
    const shown = rest.length === 0 ? [await withDifference(connection, first, files, root)] : [first, ...rest]
    return failed(...(shown as [Failure, ...Failure[]]))
  }
  const pending = new Set(pendingAmong(files, ledger.applied))
  return ok(files.filter(({ version }) => pending.has(version)))
}

/** Adds to the failure of a changed file where it first differs from what was applied. */
async function withDifference(
  connection: Connection,
  failure: Failure,
  files: readonly MigrationFile[],
  root: string,
): Promise<Failure> {
  const file = files.find(({ path }) => path === failure.place?.file)
  if (failure.code !== 'migration-changed' || file === undefined) return failure
  const [before, now] = [await readAppliedText(connection, file.version), await readMigrationText(root, file.path)]
  return before === undefined || !now.ok
    ? failure
    : { ...failure, ...describeDifference(file.path, before, now.value.text) }
}

/** A pending migration, ready to run: SQL, or TypeScript. `sharing`: it may be in one transaction with its neighbours. */
export type Ready =
  | (Prepared & { sharing?: Sharing })
  | { file: MigrationFile; typed: TypedMigration }
  | { file: MigrationFile; sharing: Sharing }

/**
 * Reads and understands files. Failures, all at once: those of reading and parsing, `migration-syntax`, `changed-meanwhile`.
 *
 * @param major the server's version: of a newer one than the parser's, what that cannot read is no error
 * @param known what was found in files before: those that may share a transaction are parsed only where that fails
 */
export async function prepareAll(
  files: MigrationFile[],
  root: string,
  major: number,
  known?: KnownFiles,
): Promise<Result<Ready[]>> {
  const prepared: Ready[] = []
  const failures: Failure[] = []
  for (const file of files) {
    const typed = isTyped(file.path) ? await loadTypedMigration(root, file.path) : undefined
    const read = typed ?? (await readMigrationText(root, file.path))
    if (!read.ok) {
      failures.push(...read.failures)
      continue
    }
    if (read.value.sha256 !== file.sha256) {
      failures.push(notAsPlanned(file))
      continue
    }
    if (typed?.ok) {
      prepared.push({ file, typed: typed.value })
      continue
    }
    const { text } = read.value
    const part = known?.get(file.sha256)?.shared
    if (part) {
      prepared.push({ file, sharing: { file, text, part } })
      continue
    }
    const migration = await parseMigration(text, file.path)
    if (!migration.ok) failures.push(...migration.failures)
    else {
      if (major <= parserMajor) failures.push(...syntaxFailures(migration.value.up, migration.value.text, file.path))
      const found = sharedPart(migration.value)
      prepared.push({ file, migration: migration.value, ...(found && { sharing: { file, text, part: found } }) })
    }
  }
  const [first, ...rest] = failures
  return first === undefined ? ok(prepared) : failed(first, ...rest)
}

/** The failure of a file that was changed since the plan. */
export function notAsPlanned(file: MigrationFile): Failure {
  return {
    code: 'changed-meanwhile',
    message: `migration ${file.version} ${file.name} is not the one that was planned`,
    place: { file: file.path },
    why: 'the file was changed between the plan and now',
    next: ['run the command again'],
    outcome: 'unchanged',
  }
}

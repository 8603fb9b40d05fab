import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MigrationFile, SeedFile } from '../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { errorCode, fileFailure } from '../system/files.ts'
import { type ParsedMigration, parseMigration } from './migrations/script.ts'
import { placeAt } from './sql/positions.ts'

/** Text of a file as migrations see it: UTF-8, no byte order mark, line ends `\n`. */
export type NormalisedText = { text: string; sha256: string }

/**
 * Reads a migration's or seed's text. The digest is over the text without white space at its end, so that only a byte order mark, line
 * ends and that white space may change without the file being another. Failures: `sql-file-encoding` and those of reading.
 */
export async function readSql(path: string, shownAs = path): Promise<Result<NormalisedText>> {
  const bytes = await readFile(path).catch((error: unknown) => error)
  if (!Buffer.isBuffer(bytes)) return failed({ ...fileFailure(bytes, 'read', shownAs), outcome: 'unchanged' })
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return failed(encodingFailure(shownAs, 'it is not UTF-8'))
  }
  if (text.includes('\0')) return failed(encodingFailure(shownAs, 'it holds a NUL character'))
  const normalised = text.replaceAll('\r\n', '\n')
  return ok({ text: normalised, sha256: digestOf(normalised) })
}

/** SHA-256 (hexadecimal) of a normalised text without white space at its end. */
export const digestOf = (text: string): string =>
  createHash('sha256')
    .update(text.replace(/[ \t\n\v\f\r]+$/, ''))
    .digest('hex')

function encodingFailure(file: string, why: string): Failure {
  return {
    code: 'sql-file-encoding',
    message: 'the file is no text that PostgreSQL takes',
    place: { file },
    why,
    outcome: 'unchanged',
  }
}

/** `20260901090000_create_hits.sql`, `12-x.sql`, `3.sql`: digits, then a name. */
const migrationName = /^(\d+)(?:[._-]?(.*))?\.sql$/

/** The order of versions: by number, so that 9 comes before 10. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [BigInt(a), BigInt(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/**
 * Reads the migration files of a folder, in version order. `root` is the source's root, to which paths are relative; a folder that is not
 * there has no files. All failures at once: `migration-name`, `migration-duplicate`, `migration-format`, `migration-transaction-control`,
 * `migration-effect-unexplained`, `sql-file-encoding` and those of reading.
 *
 * @param known effects by digest of files that are already known (the ledger's): PostgreSQL's parser is only loaded for others
 */
export async function readMigrations(
  root: string,
  folder: string,
  known: ReadonlyMap<string, MigrationFile['effect']> = new Map(),
): Promise<Result<MigrationFile[]>> {
  const names = await filesOf(join(root, folder), isSql)
  if (!names.ok) return names
  const failures: Failure[] = []
  const files: MigrationFile[] = []
  for (const file of names.value) {
    const path = `${folder}/${file}`
    const [, version, name = ''] = migrationName.exec(file) ?? []
    if (version === undefined) {
      failures.push(nameFailure(path))
      continue
    }
    const read = await readSql(join(root, path), path)
    if (!read.ok) {
      failures.push(...read.failures)
      continue
    }
    const effect = known.get(read.value.sha256)
    const entry = { version, name, path, sha256: read.value.sha256 }
    if (effect) {
      files.push({ ...entry, effect })
      continue
    }
    const parsed = await parseMigration(read.value.text, path)
    if (!parsed.ok) {
      failures.push(...parsed.failures)
      continue
    }
    const problem = firstProblem(parsed.value)
    files.push({ ...entry, effect: parsed.value.effect, ...(problem && { problem }) })
  }
  files.sort((a, b) => compareVersions(a.version, b.version))
  failures.push(...duplicates(files))
  const [first, ...rest] = failures
  return first === undefined ? ok(files) : failed(first, ...rest)
}

function firstProblem({ up, text }: ParsedMigration): MigrationFile['problem'] | undefined {
  const problem = up.statements.find((statement) => statement.problem !== undefined)?.problem
  return problem && { message: problem.message, ...placeAt(text, problem.offset) }
}

/** Reads the seed files of a folder, in the order of their names; a folder that is not there has none. */
export async function readSeeds(root: string, folder: string): Promise<Result<SeedFile[]>> {
  const names = await filesOf(join(root, folder), isSeed)
  if (!names.ok) return names
  const files: SeedFile[] = []
  for (const name of names.value) {
    const path = `${folder}/${name}`
    const read = await readSql(join(root, path), path)
    if (!read.ok) return read
    files.push({ name, path, sha256: read.value.sha256 })
  }
  return ok(files)
}

const isSql = (name: string): boolean => name.endsWith('.sql')
/** Rows as CSV or JSON, SQL, and functions; declarations are no code. */
const isSeed = (name: string): boolean => /\.(sql|csv|json|ts)$/.test(name) && !name.endsWith('.d.ts')

async function filesOf(folder: string, isOne: (name: string) => boolean): Promise<Result<string[]>> {
  try {
    const names = await readdir(folder, { withFileTypes: true })
    return ok(
      names
        .filter((entry) => !entry.isDirectory() && isOne(entry.name) && !entry.name.startsWith('.'))
        .map((entry) => entry.name)
        .sort(),
    )
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ok([])
    return failed({ ...fileFailure(error, 'read', folder), outcome: 'unchanged' })
  }
}

function nameFailure(path: string): Failure {
  return {
    code: 'migration-name',
    message: 'the name of a migration begins with its version, in digits',
    place: { file: path },
    why: 'without a version it has no place in the order',
    next: [`git mv ${path} ${path.replace(/([^/]+)$/, '20260101120000_$1')}`],
    outcome: 'unchanged',
  }
}

function duplicates(files: MigrationFile[]): Failure[] {
  return files.flatMap((file, index) => {
    const before = files[index - 1]
    if (before === undefined || compareVersions(before.version, file.version) !== 0) return []
    return [
      {
        code: 'migration-duplicate',
        message: `two migrations have the version ${file.version}: ${before.path} and ${file.path}`,
        place: { file: file.path },
        why: 'only one of them would ever run',
        next: ['give the one that was never applied another version (a later date) in its name'],
        outcome: 'unchanged' as const,
      },
    ]
  })
}

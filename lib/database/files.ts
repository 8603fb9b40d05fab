import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { MigrationFile, SeedFile } from '../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { errorCode, fileFailure, writeFileAtomic } from '../system/files.ts'
import type { KnownFiles } from './known-files.ts'
import type { Format } from './migrations/format.ts'
import { compareVersions, type MigrationName, parseMigrationName } from './migrations/names.ts'
import { type ParsedMigration, parseMigration } from './migrations/script.ts'
import { sharedPart } from './migrations/sharing.ts'
import { isTyped, loadTypedMigration, readWithImports } from './migrations/source.ts'
import { lexSql } from './sql/lexer.ts'
import { placeAt } from './sql/positions.ts'
import { readSql } from './sql-file.ts'

/**
 * Reads the migration files of a folder, in version order; repeatable ones come last. `root` is the source's root, to which paths are relative; a
 * folder that is not there has no files. All failures at once: `migration-name`, `migration-duplicate`, `migration-format`,
 * `migration-down-alone`, `migration-transaction-control`, `migration-effect-unexplained`, `sql-file-encoding` and those of reading.
 *
 * @param known what was found in files before: PostgreSQL's parser, and migrations in TypeScript, are only loaded for others
 */
export async function readMigrations(
  root: string,
  folder: string,
  known?: KnownFiles,
): Promise<Result<MigrationFile[]>> {
  const names = await migrationFiles(join(root, folder))
  if (!names.ok) return names
  const failures: Failure[] = []
  const files: MigrationFile[] = []
  const downs: DownFile[] = []
  for (const file of names.value) {
    const path = `${folder}/${file}`
    const named = parseMigrationName(file)
    if (named === undefined) {
      failures.push(nameFailure(path))
      continue
    }
    const { version, name, kind } = named
    const found = await (isTyped(path) ? contentOfTyped(root, path, known) : contentOfSql(root, path, kind, known))
    if (!found.ok) {
      failures.push(...found.failures)
      continue
    }
    const { sha256, effect, down, problem } = found.value
    if (kind === 'down') {
      downs.push({ version, path, sha256 })
      continue
    }
    files.push({
      version,
      name,
      path,
      sha256,
      ...(kind === 'repeatable' && { repeatable: true as const }),
      effect,
      ...(down && { down: { path, sha256 } }),
      ...(problem && { problem }),
    })
  }
  files.sort((a, b) => compareVersions(a.version, b.version))
  failures.push(...duplicates(files), ...attachDowns(files, downs))
  await known?.keep()
  const [first, ...rest] = failures
  return first === undefined ? ok(files) : failed(first, ...rest)
}

/** What of a file's content goes into what is known of its migration. */
type Content = Pick<MigrationFile, 'sha256' | 'effect' | 'problem'> & { down: boolean }

async function contentOfSql(
  root: string,
  path: string,
  kind: MigrationName['kind'],
  known: KnownFiles | undefined,
): Promise<Result<Content>> {
  const read = await readSql(join(root, path), path)
  if (!read.ok) return read
  const { sha256, text } = read.value
  if (kind === 'down') return ok({ sha256, effect: 'breaking', down: false })
  const found = known?.get(sha256)
  if (found) return ok({ sha256, effect: found.effect, down: found.down })
  const parsed = await parseMigration(text, path)
  if (!parsed.ok) return parsed
  const { effect, format } = parsed.value
  const problem = firstProblem(parsed.value)
  const down = hasDown(format, text)
  // What cannot run is told with its place each time.
  const shared = sharedPart(parsed.value)
  if (!problem) known?.set(sha256, { effect, down, ...(shared && { shared }) })
  return ok({ sha256, effect, down, ...(problem && { problem }) })
}

/** What is known of one in TypeScript holds as long as all files are the same that it was made of. */
async function contentOfTyped(root: string, path: string, known: KnownFiles | undefined): Promise<Result<Content>> {
  const entry = await readSql(join(root, path), path)
  if (!entry.ok) return entry
  const found = known?.get(entry.value.sha256)
  if (found?.whole) {
    const { effect, down, whole } = found
    const now = await readWithImports(root, path, whole.imports)
    if (now.ok && now.value.sha256 === whole.sha256) return ok({ sha256: whole.sha256, effect, down })
  }
  const loaded = await loadTypedMigration(root, path)
  if (!loaded.ok) return loaded
  const { sha256, imports, definition } = loaded.value
  const content = { effect: definition.effect, down: definition.down !== undefined }
  known?.set(entry.value.sha256, { ...content, whole: { imports, sha256 } })
  return ok({ sha256, ...content })
}

/** Whether there is a down part with something in it. */
const hasDown = ({ down }: Format, text: string): boolean =>
  down !== undefined && lexSql(text.slice(down.from, down.to)).statements.length > 0

type DownFile = { version: string; path: string; sha256: string }

/** Gives each file that undoes a migration to that migration. One without is refused: run as what it is not, it would drop things. */
function attachDowns(files: MigrationFile[], downs: readonly DownFile[]): Failure[] {
  const failures: Failure[] = []
  for (const { version, path, sha256 } of downs) {
    const file = files.find((one) => compareVersions(one.version, version) === 0)
    if (file === undefined) failures.push(downAlone(version, path))
    else if (file.down !== undefined) failures.push(duplicate(version, file.down.path, path))
    else file.down = { path, sha256 }
  }
  return failures
}

const downAlone = (version: string, path: string): Failure => ({
  code: 'migration-down-alone',
  message: `there is a file that undoes migration ${version}, but none that applies it`,
  place: { file: path },
  why: 'it is never run as a migration of its own',
  next: [`take the migration's file back (git log --diff-filter=D -- ${path.replace(/[^/]+$/, '')})`, `git rm ${path}`],
  outcome: 'unchanged',
})

function firstProblem({ up, text }: ParsedMigration): MigrationFile['problem'] | undefined {
  const problem = up.statements.find((statement) => statement.problem !== undefined)?.problem
  return problem && { message: problem.message, ...placeAt(text, problem.offset) }
}

/** Writes a file of migrations or of what they make, and its folder where it is the first. Throws what writing fails with. */
export async function writeMigration(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFileAtomic(path, text)
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

/** Names of a folder's migration files, sorted; none where there is no such folder. */
export const migrationFiles = (folder: string): Promise<Result<string[]>> => filesOf(folder, isMigration)

/** SQL and TypeScript; declarations are no code, and what tests a migration is none. */
const isMigration = (name: string): boolean => /(\.sql|(?<!\.d|\.test)\.ts)$/.test(name)
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
    why: `without a version it has no place in the order${isTyped(path) ? '; what migrations import stands in a folder below' : ''}`,
    next: [`git mv ${path} ${path.replace(/([^/]+)$/, isTyped(path) ? 'support/$1' : '20260101120000_$1')}`],
    outcome: 'unchanged',
  }
}

function duplicates(files: MigrationFile[]): Failure[] {
  return files.flatMap((file, index) => {
    const before = files[index - 1]
    if (before === undefined || compareVersions(before.version, file.version) !== 0) return []
    return [duplicate(file.version, before.path, file.path)]
  })
}

const duplicate = (version: string, before: string, path: string): Failure => ({
  code: 'migration-duplicate',
  message: `two migrations have the version ${version}: ${before} and ${path}`,
  place: { file: path },
  why: 'only one of them would ever run',
  next: ['give the one that was never applied another version (a later date) in its name'],
  outcome: 'unchanged',
})

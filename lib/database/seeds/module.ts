import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { SeedFile } from '../../model/desired.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import { writeFileAtomic } from '../../system/files.ts'
import type { Connection } from '../connect.ts'
import { isConnectionLost, isServerError } from '../failures.ts'
import { upsertRows } from './rows.ts'

/** What a seed written as a function is given. All that it does is one transaction, with its row in the ledger. */
export type SeedContext = {
  /** Runs a statement; gives its rows. Values go beside the text, for `$1`, `$2` … */
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  /** Inserts rows, or updates those that are there by their key (default: the primary key). Gives how many it wrote. */
  upsert(table: string, rows: Record<string, unknown>[], options?: { key?: string[] }): Promise<number>
  log(line: string): void
}
/** `export default` of a seed in TypeScript. */
export type Seed = (context: SeedContext) => void | Promise<void>

/**
 * Bundles and loads a seed's file: TypeScript and what it imports by path; packages are those of the workspace. Failures: `seed-format` (it does
 * not compile, or exports no function).
 */
export async function loadSeed(root: string, path: string): Promise<Result<Seed>> {
  const { build } = await import('esbuild')
  const built = await build({
    entryPoints: [join(root, path)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'silent',
  }).catch(
    (error: { errors?: { text: string; location: { line: number; column: number; lineText: string } | null }[] }) => {
      if (!error.errors) throw error
      return error.errors
    },
  )
  if (Array.isArray(built)) return failed(...(built.map((one) => notCompiled(path, one)) as [Failure, ...Failure[]]))
  const text = built.outputFiles[0]?.text ?? ''
  // In the workspace, so that its packages are found.
  const folder = join(root, '.ops/cache/seeds')
  const file = join(folder, `${createHash('sha256').update(text).digest('hex').slice(0, 16)}-${process.pid}.mjs`)
  await mkdir(folder, { recursive: true })
  await writeFileAtomic(file, text)
  try {
    const { default: seed } = (await import(pathToFileURL(file).href)) as { default?: unknown }
    return typeof seed === 'function' ? ok(seed as Seed) : failed(noFunction(path))
  } catch (error) {
    return failed({ ...noFunction(path), message: `the seed ${path} cannot be loaded`, why: (error as Error).message })
  } finally {
    await rm(file, { force: true })
  }
}

/** Calls a seed's function within a transaction. What it throws is its failure; PostgreSQL's errors are passed on. */
export async function runSeedFunction(
  connection: Connection,
  seed: Seed,
  file: SeedFile,
  output: (line: string) => void,
): Promise<string | undefined> {
  let written: number | undefined
  try {
    await seed({
      query: async (text, values = []) => (await connection.query(text, values)).rows as never[],
      upsert: async (table, rows, { key } = {}) => {
        const count = await upsertRows(connection, { table, rows, ...(key === undefined ? {} : { key }) }, file.path)
        written = (written ?? 0) + count
        return count
      },
      log: output,
    })
  } catch (error) {
    if (error instanceof FailureError || isServerError(error) || isConnectionLost(error)) throw error
    throw new FailureError({
      code: 'seed-failed',
      message: `seed ${file.name}: ${error instanceof Error ? error.message : String(error)}`,
      place: { file: file.path },
      why: 'it was rolled back: nothing of this seed is in the database',
      next: [`mend ${file.path}`],
    })
  }
  return written === undefined ? undefined : `${written} ${written === 1 ? 'row' : 'rows'} written`
}

type Message = { text: string; location: { line: number; column: number; lineText: string } | null }

const notCompiled = (path: string, { text, location }: Message): Failure => ({
  code: 'seed-format',
  message: `the seed ${path}: ${text}`,
  place: { file: path, ...(location ? { line: location.line, column: location.column + 1 } : {}) },
  ...(location ? { source: location.lineText } : {}),
  outcome: 'unchanged',
})

const noFunction = (path: string): Failure => ({
  code: 'seed-format',
  message: `the seed ${path} exports no function`,
  place: { file: path },
  next: ['export default async ({ query, upsert, log }) => { … }'],
  outcome: 'unchanged',
})

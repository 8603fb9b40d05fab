import type { SeedFile } from '../../model/desired.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { Connection } from '../connect.ts'
import { isConnectionLost, isServerError } from '../failures.ts'
import { bundleModule, loadModule } from '../module.ts'
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

const purpose = { what: 'seed', code: 'seed-format' } as const

/**
 * Bundles and loads a seed's file: TypeScript and what it imports by path; packages are those of the workspace. Failures: `seed-format` (it does
 * not compile, or exports no function).
 */
export async function loadSeed(root: string, path: string): Promise<Result<Seed>> {
  const bundled = await bundleModule(root, path, purpose)
  if (!bundled.ok) return bundled
  const loaded = await loadModule(root, path, bundled.value.code, purpose)
  if (!loaded.ok) return loaded
  const { default: seed } = loaded.value
  return typeof seed === 'function' ? ok(seed as Seed) : failed(noFunction(path))
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

const noFunction = (path: string): Failure => ({
  code: 'seed-format',
  message: `the seed ${path} exports no function`,
  place: { file: path },
  next: ['export default async ({ query, upsert, log }) => { … }'],
  outcome: 'unchanged',
})

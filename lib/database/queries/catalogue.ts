import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { nearest } from '../../model/nearest.ts'
import { errorCode, fileFailure } from '../../system/files.ts'
import { digestOf, readSql } from '../sql-file.ts'
import { builtInQueries } from './built-in/index.ts'
import { parseQuery, type Query, type QueryFolder, queryFolders } from './query.ts'

/** Where a workspace has its queries. */
export const queriesFolder = 'database/queries'

/** A name that can be asked for, and the query, or what is wrong with its file. */
export type CatalogueEntry = { name: string; folder: QueryFolder; path?: string; query: Result<Query> }

/**
 * All queries of a workspace, by folder and name: its own files, and those that come with the product where it has no file of that name.
 * Fails only when a folder cannot be read.
 */
export async function readQueries(root: string): Promise<Result<CatalogueEntry[]>> {
  const entries: CatalogueEntry[] = []
  for (const folder of queryFolders) {
    const names = await filesOf(root, `${queriesFolder}/${folder}`)
    if (!names.ok) return names
    for (const name of names.value) {
      const path = `${queriesFolder}/${folder}/${name}.sql`
      const read = await readSql(join(root, path), path)
      const query = read.ok
        ? parseQuery(read.value.text, { name, folder, file: path, sha256: read.value.sha256 })
        : read
      entries.push({ name, folder, path, query: query.ok ? ok({ ...query.value, path }) : query })
    }
  }
  for (const [name, text] of Object.entries(builtInQueries)) {
    if (entries.some((entry) => entry.name === name)) continue
    const at = { name, folder: 'diagnostics' as const, file: `built-in/${name}`, sha256: digestOf(text) }
    entries.push({ name, folder: 'diagnostics', query: parseQuery(text, at) })
  }
  const order = (entry: CatalogueEntry) => `${queryFolders.indexOf(entry.folder)} ${entry.name}`
  return ok(entries.sort((one, other) => (order(one) < order(other) ? -1 : 1)))
}

/** The query of a name (`busiest-endpoints`, `analytics/busiest-endpoints`). Failures: `unknown-query`, `query-name-twice`, `query-header`. */
export function findQuery(entries: readonly CatalogueEntry[], wanted: string): Result<Query> {
  const found = entries.filter(({ name, folder }) => wanted === name || wanted === `${folder}/${name}`)
  const [first, second] = found
  if (first === undefined) return failed(unknown(entries, wanted))
  if (second === undefined) return first.query
  return failed({
    code: 'query-name-twice',
    message: `two queries are called ${wanted}: ${first.path} and ${second.path}`,
    next: found.map(({ folder, name }) => `task query ${folder}/${name}`),
    outcome: 'usage',
  })
}

function unknown(entries: readonly CatalogueEntry[], wanted: string): Failure {
  const near = nearest(
    wanted,
    entries.map(({ name }) => name),
  )
  return {
    code: 'unknown-query',
    message: `there is no query ${wanted}`,
    ...(near === undefined ? { next: ['task query   # lists them'] } : { nearest: near }),
    outcome: 'usage',
  }
}

async function filesOf(root: string, folder: string): Promise<Result<string[]>> {
  try {
    const all = await readdir(join(root, folder), { withFileTypes: true })
    return ok(
      all
        .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.sql') && !entry.name.startsWith('.'))
        .map(({ name }) => name.slice(0, -'.sql'.length)),
    )
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ok([])
    return failed({ ...fileFailure(error, 'read', folder), outcome: 'unchanged' })
  }
}

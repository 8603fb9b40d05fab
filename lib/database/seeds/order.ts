import type { SeedFile } from '../../model/desired.ts'
import type { Connection } from '../connect.ts'
import { findTable, inForeignKeyOrder, readTables } from '../tables.ts'
import { tableOfName } from './rows.ts'

/** What a seed's file holds, by its name. */
export const seedKind = (name: string): 'sql' | 'csv' | 'json' | 'ts' =>
  (['csv', 'json', 'ts'] as const).find((kind) => name.endsWith(`.${kind}`)) ?? 'sql'

/**
 * Seeds in the order in which they can run: by name, but that rows (CSV, JSON) come after those of the tables to which their table refers. What
 * a name does not tell (a table that an earlier seed makes, a JSON that names several) keeps its place.
 */
export async function inSeedOrder(connection: Connection, files: readonly SeedFile[]): Promise<SeedFile[]> {
  const isRows = ({ name }: SeedFile) => ['csv', 'json'].includes(seedKind(name))
  if (files.filter(isRows).length < 2) return [...files]
  const tables = await readTables(connection)
  const entries = files.map((file) => {
    const table = isRows(file) ? findTable(tables, tableOfName(file.name)) : undefined
    // What refers to nothing and is referred to by nobody stays where its name puts it.
    return { file, id: table?.id ?? file.name, foreignKeys: table?.foreignKeys ?? [] }
  })
  const { order } = inForeignKeyOrder(entries)
  return order.map(({ file }) => file)
}

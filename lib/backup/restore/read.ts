import { type Connection, type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import { ok, unwrap } from '../../model/failure.ts'
import {
  type Contents,
  listTables,
  prepareReading,
  readDefinitions,
  readSequences,
  readTables,
  type TableContents,
} from '../contents.ts'

/**
 * What is in a restored database now, which nobody else writes to. Throws `FailureError`.
 * @param tables what was read of its tables already
 */
export async function readRestored(address: DatabaseAddress, tables?: TableContents[]): Promise<Contents> {
  const read = await withDatabase(address, async (connection) => {
    await connection.query('begin isolation level repeatable read, read only')
    await prepareReading(connection)
    const sequences = await readSequences(connection)
    const found = tables ?? (await readTables(connection, await listTables(connection)))
    const definitions = await readDefinitions(connection)
    await connection.query('rollback')
    const contents: Contents = {
      format: 1,
      ...definitions,
      tables: found,
      sequences: [...sequences].map(([name, { value, descending }]) => ({ name, from: value, to: value, descending })),
      exact: true,
    }
    return ok(contents)
  })
  return unwrap(read)
}

/**
 * Counts and checksums of the tables of a database whose rows are restored, while indexes and keys are made. Each is read in a transaction of its own, so that no lock
 * stays which those would wait for. Undefined where there are materialized views: they are filled then, by functions that may write. Throws `FailureError`.
 */
export async function readRestoredTables(address: DatabaseAddress): Promise<TableContents[] | undefined> {
  const within = async <T>(connection: Connection, use: () => Promise<T>): Promise<T> => {
    await connection.query('begin read only')
    await prepareReading(connection)
    const value = await use()
    await connection.query('commit')
    return value
  }
  const read = await withDatabase(address, async (connection) => {
    const tables: TableContents[] = []
    const { rowCount } = await connection.query(`select from pg_catalog.pg_class where relkind = 'm' limit 1`)
    if (rowCount) return ok(undefined)
    for (const table of await within(connection, () => listTables(connection)))
      tables.push(...(await within(connection, () => readTables(connection, [table]))))
    return ok(tables)
  })
  return unwrap(read)
}

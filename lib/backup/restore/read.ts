import { type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import { ok, unwrap } from '../../model/failure.ts'
import { type Contents, listTables, prepareReading, readDefinitions, readSequences, readTables } from '../contents.ts'

/** What is in a restored database now, which nobody else writes to. Throws `FailureError`. */
export async function readRestored(address: DatabaseAddress): Promise<Contents> {
  const read = await withDatabase(address, async (connection) => {
    await connection.query('begin isolation level repeatable read, read only')
    await prepareReading(connection)
    const sequences = await readSequences(connection)
    const tables = await readTables(connection, await listTables(connection))
    const definitions = await readDefinitions(connection)
    await connection.query('rollback')
    const contents: Contents = {
      format: 1,
      ...definitions,
      tables,
      sequences: [...sequences].map(([name, { value, descending }]) => ({ name, from: value, to: value, descending })),
      exact: true,
    }
    return ok(contents)
  })
  return unwrap(read)
}

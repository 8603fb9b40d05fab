import { ok, type Result } from '../../model/failure.ts'
import type { Handler, OpContext } from '../../model/platform.ts'
import type { Connection } from '../connect.ts'
import { importTables } from './import.ts'

/** Uses a connection as the owner of a database. */
export type UseAsOwner = <T>(
  place: { service: string; database: string },
  context: OpContext,
  use: (connection: Connection) => Promise<Result<T>>,
) => Promise<Result<T>>

/** The handler of `import-data`: what the database has of this export already is left out. */
export const importHandler = (asOwner: UseAsOwner): Handler<'import-data'> => ({
  run: ({ data }, context) =>
    asOwner(data, context, async (connection) => {
      const done = await importTables(connection, { ...data, id: data.export, progress: context.output })
      return done.ok ? ok({ message: `${done.value} rows` }) : done
    }),
  check: async () => 'unknown',
})

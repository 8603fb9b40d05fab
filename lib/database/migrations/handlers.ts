import type { Source } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Handler, OpContext, OpResult } from '../../model/platform.ts'
import type { Connection } from '../connect.ts'
import { editLedger } from './edit-ledger.ts'
import { readLedger } from './ledger.ts'
import { revertMigrations } from './revert.ts'

/** The handlers of what goes back on migrations, or changes what is said of them. */
export type MigrationHandlers = {
  'revert-migrations': Handler<'revert-migrations'>
  'edit-ledger': Handler<'edit-ledger'>
}

type AsOwner = <T>(
  at: { service: string; database: string },
  context: OpContext,
  use: (connection: Connection) => Promise<Result<T>>,
) => Promise<Result<T>>

/** Makes them for a platform. `asOwner` uses a connection that acts as the database's owner. */
export function migrationHandlers(
  asOwner: AsOwner,
  { sourceFolder }: { sourceFolder(source: Source): string },
): MigrationHandlers {
  const optionsOf = (source: Source, { output, signal }: OpContext) => ({ root: sourceFolder(source), output, signal })
  return {
    'revert-migrations': {
      run: ({ data }, context) =>
        asOwner(data, context, async (connection): Promise<Result<OpResult>> => {
          const { statementTimeoutMs } = data
          const options = {
            ...optionsOf(data.source, context),
            ...(statementTimeoutMs !== undefined && { statementTimeoutMs }),
          }
          const undone = await revertMigrations(connection, data.files, options)
          if (!undone.ok) return undone
          const list = undone.value.join(', ')
          return ok({ message: list === '' ? 'nothing was left to undo' : `undone ${list}`, value: undone.value })
        }),
      check: async ({ data }, context) => {
        const left = await asOwner(data, context, async (connection) => {
          const { applied } = await readLedger(connection)
          return ok(data.files.some(({ version }) => applied.some((entry) => entry.version === version)))
        })
        if (!left.ok) return 'unknown'
        return left.value ? 'pending' : 'done'
      },
    },
    'edit-ledger': {
      run: ({ data }, context) =>
        asOwner(data, context, async (connection): Promise<Result<OpResult>> => {
          const changed = await editLedger(connection, data, optionsOf(data.source, context))
          if (!changed.ok) return changed
          return ok({ message: `${changed.value} ${changed.value === 1 ? 'row' : 'rows'} of the ledger changed` })
        }),
      check: async ({ data }, context) => {
        const done = await asOwner(data, context, async (connection) => {
          const known = new Map((await readLedger(connection)).applied.map(({ version, sha256 }) => [version, sha256]))
          return ok(
            [...data.record, ...data.accept].every(({ file }) => known.get(file.version) === file.sha256) &&
              data.forget.every((version) => !known.has(version)),
          )
        })
        if (!done.ok) return 'unknown'
        return done.value ? 'done' : 'pending'
      },
    },
  }
}

import { ok, type Result } from '../../model/failure.ts'
import type { DatabaseAdministrator, Handler } from '../../model/platform.ts'
import { applicationName } from '../connect.ts'
import { withOwner } from '../owner.ts'
import { type Synced, type SyncWith, syncDatabases } from './run.ts'

/** The two databases of a sync, and what it is given besides its data. */
export type SyncPorts = Omit<SyncWith, 'output'> & {
  source: { database: string; administrator(): Promise<Result<DatabaseAdministrator>> }
  target: { administrator(): Promise<Result<DatabaseAdministrator>> }
  /** Told of what was done. */
  done(synced: Synced): void
}

/** The handler of `sync-data`. What a dead run had begun, the target's server has rolled back. */
export const syncHandler = ({ source, target, key, file, done }: SyncPorts): Handler<'sync-data'> => ({
  async run({ data }, { run, signal, output }) {
    const [from, to] = [await source.administrator(), await target.administrator()]
    if (!from.ok) return from
    if (!to.ok) return to
    const session = { applicationName: applicationName(run), signal }
    const synced = await withOwner({ ...from.value, ...session }, source.database, (reading) =>
      withOwner({ ...to.value, ...session }, data.database, (writing) =>
        syncDatabases(reading, writing, data, { key, file, output }),
      ),
    )
    if (!synced.ok) return synced
    done(synced.value)
    const { rows, masked } = synced.value
    return ok({ message: `${rows} rows, ${masked} values masked`, value: synced.value })
  },
  check: async () => 'unknown',
})

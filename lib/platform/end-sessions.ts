import { terminateSessions } from '../database/admin.ts'
import { applicationName, withDatabase } from '../database/connect.ts'
import { ok } from '../model/failure.ts'
import type { Holder, Platform } from '../model/platform.ts'

/** Ends the sessions that a dead holder of the lock has left on its database's server. */
export async function endSessionsOf(
  administrator: Platform['administrator'],
  database: string | undefined,
  holder: Holder,
  signal: AbortSignal,
): Promise<void> {
  const admin = database === undefined ? undefined : await administrator(database)
  // Without its administrator there is nobody to ask; whoever needs the database next says so.
  if (!admin?.ok) return
  const address = { ...admin.value, database: 'postgres', applicationName: applicationName('recovery'), signal }
  await withDatabase(address, async (connection) => {
    await terminateSessions(connection, applicationName(holder.run))
    return ok(undefined)
  })
}

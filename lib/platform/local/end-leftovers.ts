import { terminateSessions } from '../../database/admin.ts'
import { applicationName, withDatabase } from '../../database/connect.ts'
import { FailureError, ok } from '../../model/failure.ts'
import type { Holder } from '../../model/platform.ts'
import { endProcessesOf } from '../end-processes.ts'
import type { LocalContext } from './context.ts'
import { adminAddress } from './database-access.ts'
import { readLocalState } from './state.ts'

/**
 * Ends what a dead holder of the lock has left working: its processes on this machine, and its sessions in the environment's databases. Services
 * are not among them: they belong to the supervisor. Throws `FailureError` (`leftovers-not-ended`) when something does not go.
 */
export async function endLeftoversOf(local: LocalContext, holder: Holder, signal: AbortSignal): Promise<void> {
  await endProcessesOf(holder)
  const state = await readLocalState(local)
  if (!state.ok) throw new FailureError(...state.failures)
  for (const { service, ports, engine, phase } of state.value.records) {
    if (engine === undefined || phase !== 'up') continue
    const admin = await adminAddress(local, { service, version: engine, ports }, 'recovery', signal)
    // Without its administrator there is nobody to ask; whoever needs the database next says so.
    if (!admin.ok) continue
    await withDatabase(admin.value, async (connection) => {
      await terminateSessions(connection, applicationName(holder.run))
      return ok(undefined)
    })
  }
}

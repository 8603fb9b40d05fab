import { terminateSessions } from '../../database/admin.ts'
import { applicationName, withDatabase } from '../../database/connect.ts'
import { ok, unwrap } from '../../model/failure.ts'
import type { Holder, Platform } from '../../model/platform.ts'
import { endProcessesOf } from '../end-processes.ts'
import { environmentContainers, isLitter } from './containers.ts'
import type { DockerContext } from './context.ts'
import { remove } from './ops/start-service.ts'

/** Ends what a dead holder of the lock has left working: its processes here, containers that it made and never started, and its sessions. */
export async function endLeftoversOf(
  docker: DockerContext,
  administrator: Platform['administrator'],
  database: string | undefined,
  holder: Holder,
  signal: AbortSignal,
): Promise<void> {
  await endProcessesOf(holder)
  const containers = unwrap(await environmentContainers(docker, signal))
  unwrap(
    await remove(
      docker,
      containers.filter((one) => isLitter(one) && one.run === holder.run),
      signal,
    ),
  )
  const admin = database === undefined ? undefined : await administrator(database)
  // Without its administrator there is nobody to ask; whoever needs the database next says so.
  if (!admin?.ok) return
  const address = { ...admin.value, database: 'postgres', applicationName: applicationName('recovery'), signal }
  await withDatabase(address, async (connection) => {
    await terminateSessions(connection, applicationName(holder.run))
    return ok(undefined)
  })
}

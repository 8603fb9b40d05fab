import { terminateSessions } from '../../database/admin.ts'
import { applicationName, withDatabase } from '../../database/connect.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import type { Holder, Platform } from '../../model/platform.ts'
import { endRun } from '../../system/groups.ts'
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
  const { left } = await endRun(holder.run)
  if (left.length > 0) {
    const pids = left.map(({ pid }) => pid)
    throw new FailureError({
      code: 'leftovers-not-ended',
      message: `processes of the run ${holder.run} (${holder.purpose}) could not be ended: pid ${pids.join(', ')}`,
      next: [`ps -o pid,user,stat,command -p ${pids.join(',')}`],
      outcome: 'unchanged',
    })
  }
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

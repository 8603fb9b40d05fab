import { unwrap } from '../../model/failure.ts'
import type { Holder, Platform } from '../../model/platform.ts'
import { endProcessesOf } from '../end-processes.ts'
import { endSessionsOf } from '../end-sessions.ts'
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
  await endSessionsOf(administrator, database, holder, signal)
}

import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { serviceContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'
import { remove } from './start-service.ts'

/** Removes the containers that were kept, their anonymous volumes not. */
export const dropReplaced = (docker: DockerContext): Handler<'drop-replaced'> => ({
  async run({ data: { service } }, { signal }) {
    const found = await serviceContainers(docker, service, signal)
    if (!found.ok) return found
    const kept = found.value.filter((container) => container.kept)
    if (kept.length === 0) return ok({ message: 'there are none' })
    const removed = await remove(docker, kept, signal)
    return removed.ok ? ok({ message: kept.map(({ name }) => name).join(', ') }) : removed
  },

  async check({ data: { service } }) {
    const found = await serviceContainers(docker, service)
    if (!found.ok) return 'unknown'
    return found.value.some(({ kept }) => kept) ? 'pending' : 'done'
  },
})

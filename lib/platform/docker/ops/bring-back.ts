import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { serviceContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'
import { containersOf } from '../prepare.ts'
import { comeBack } from './start-service.ts'

/** Starts the kept containers of a service under their own names again, and removes what had taken their place. */
export const bringBack = (docker: DockerContext): Handler<'bring-back'> => ({
  async run({ data: { service, spec } }, context) {
    const containers = containersOf(spec)
    if (!containers.ok) return containers
    const found = await serviceContainers(docker, service, context.signal)
    if (!found.ok) return found
    const same = found.value.filter(({ kept }) => kept)
    if (same.length === 0) return ok({ message: 'nothing is kept' })
    const own = found.value.filter(({ kept }) => !kept)
    return comeBack(docker, spec, containers.value, { own, same }, context)
  },

  async check({ data: { service } }) {
    const found = await serviceContainers(docker, service)
    if (!found.ok) return 'unknown'
    return found.value.some(({ kept }) => kept) ? 'pending' : 'done'
  },
})

import { formatDuration } from '../../../model/duration.ts'
import { ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext } from '../../../model/platform.ts'
import { type Container, serviceContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'
import { trafficOf } from '../traffic.ts'
import { remove } from './start-service.ts'

/**
 * Removes the containers that were kept. Those that overlap get no new requests first, answer what is under way,
 * and end with their grace.
 */
export const dropReplaced = (docker: DockerContext): Handler<'drop-replaced'> => ({
  async run({ data: { service, overlap } }, { signal, output }) {
    const found = await serviceContainers(docker, service, signal)
    if (!found.ok) return found
    const kept = found.value.filter((container) => container.kept)
    if (kept.length === 0) return ok({ message: 'there are none' })
    const ended = overlap
      ? await endOverlap(
          docker,
          service,
          overlap,
          { kept, fresh: found.value.filter((one) => !one.kept) },
          { signal, output },
        )
      : ok(undefined)
    if (!ended.ok) return ended
    const removed = await remove(docker, kept, signal)
    return removed.ok ? ok({ message: kept.map(({ name }) => name).join(', ') }) : removed
  },

  async check({ data: { service } }) {
    const found = await serviceContainers(docker, service)
    if (!found.ok) return 'unknown'
    return found.value.some(({ kept }) => kept) ? 'pending' : 'done'
  },
})

/** How long the engine may take beyond a container's grace. */
const stopMs = 10 * 60_000

/** Each step may be done again: a run that died in the middle leaves kept containers, and this begins anew. */
async function endOverlap(
  docker: DockerContext,
  service: string,
  overlap: NonNullable<OpOf<'drop-replaced'>['data']['overlap']>,
  { kept, fresh }: { kept: Container[]; fresh: Container[] },
  { signal, output }: Pick<OpContext, 'signal' | 'output'>,
): Promise<Result<void>> {
  const traffic = await trafficOf(docker, service, { main: overlap.main, overlap }, signal)
  if (!traffic.ok) return traffic
  const switched = await traffic.value.switch(fresh.filter(isRunning), kept.filter(isRunning))
  if (!switched.ok) return switched
  if (!switched.value.drained) {
    output(`requests to the old containers are still under way after ${formatDuration(overlap.drainMs)}`)
  }
  const running = kept.filter(isRunning).map(({ id }) => id)
  if (running.length > 0) {
    const stopped = await docker.engine.checked(['stop', ...running], { signal, timeoutMs: stopMs })
    if (!stopped.ok) return stopped
  }
  return traffic.value.free()
}

const isRunning = ({ status }: Container): boolean => status === 'running'

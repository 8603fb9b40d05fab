import { failed, ok, type Result } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import type { ProxyAdapterName } from '../../../model/service.ts'
import { notRunning } from '../../service-failures.ts'
import type { DockerContext } from '../context.ts'
import { proxyAdapters } from '../proxy/index.ts'
import { proxyPlace } from '../traffic.ts'

/** Has a proxy answer 503, or lets requests through. */
export const setMaintenance = (docker: DockerContext): Handler<'set-maintenance'> => ({
  async run({ data: { service, adapter, on } }, { signal }) {
    const place = await proxyPlace(docker, service, signal)
    if (!place.ok) return place
    if (!place.value) return failed(notRunning(service))
    const done = await proxyAdapters[adapter].maintenance(place.value, on)
    return done.ok ? ok({}) : done
  },

  async check({ data: { service, adapter, on } }) {
    const now = await inMaintenance(docker, { service, adapter })
    return now.ok ? (now.value === on ? 'done' : 'pending') : 'unknown'
  },
})

/** Whether a proxy answers 503 now. */
export async function inMaintenance(
  docker: DockerContext,
  { service, adapter }: { service: string; adapter: ProxyAdapterName },
  signal?: AbortSignal,
): Promise<Result<boolean>> {
  const place = await proxyPlace(docker, service, signal)
  if (!place.ok) return place
  return place.value ? proxyAdapters[adapter].inMaintenance(place.value) : failed(notRunning(service))
}

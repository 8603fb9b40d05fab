import type { ContainerSpec, Overlap } from '../model/desired.ts'
import type { ServiceConfiguration } from '../model/service.ts'
import { list, mapping } from './compose/file.ts'

/** What is asked besides the service: its containers, and the services of the environment (a proxy is one of them). */
export type OverlapOptions = {
  docker: Pick<ContainerSpec, 'main' | 'compose' | 'published' | 'networks'>
  others: readonly ServiceConfiguration[]
  graceMs: number
}

/** Why a service cannot have its new containers beside the old ones, and what to do about it. */
export type OverlapRefusal = { message: string; next: string }

/** How long requests that are under way may take at least once a container gets no new ones. */
const leastDrainMs = 30_000

/**
 * How a service with `rollout: overlap` changes containers on Docker: through the proxy that sends requests to it, or (`concurrent: true`)
 * without one. Refused where two of it at once would write the same data, or want the same port.
 */
export function overlapOf(
  service: ServiceConfiguration,
  { docker, others, graceMs }: OverlapOptions,
): { overlap: Overlap } | { refusal: OverlapRefusal } {
  const refuse = (why: string, next = 'rollout: recreate stops the old containers before the new ones start') => ({
    refusal: { message: `${service.name} cannot overlap: ${why}`, next },
  })
  if (service.category === 'databases' || service.category === 'storage') {
    return refuse(`two of a service of the category ${service.category} would work on the same data`)
  }
  const volume = writableVolume(docker)
  if (volume !== undefined) return refuse(`old and new would both write to ${volume}`)
  const [port] = docker.published
  if (port) return refuse(`old and new cannot both have port ${port.host} of the host`)
  const drainMs = Math.max(leastDrainMs, graceMs)
  const proxies = others.flatMap(({ name, docker: proxy }) =>
    (proxy?.proxy?.routes ?? [])
      .filter((route) => route.service === service.name)
      .map((route) => ({ name, networks: proxy?.networks ?? [], adapter: proxy?.proxy?.adapter, route })),
  )
  const [proxy] = proxies
  if (!proxy?.adapter) {
    if (service.concurrent) return { overlap: { drainMs } }
    return refuse(
      'no proxy sends requests to it',
      'add it to docker.proxy.routes of the proxy, or say concurrent: true where two at once do no harm and get no requests',
    )
  }
  const network = (service.docker?.networks ?? []).find((one) => proxy.networks.includes(one))
  const shared = network === undefined ? undefined : docker.networks[network]
  const number = proxy.route.port ?? service.docker?.ports[0]?.container
  if (shared === undefined) {
    return refuse(`it shares no network with ${proxy.name}`, 'declare one network under docker.networks of both')
  }
  if (number === undefined) return refuse('nobody knows its port', `say it in docker.proxy.routes of ${proxy.name}`)
  return { overlap: { drainMs, proxy: { service: proxy.name, adapter: proxy.adapter, port: number, network: shared } } }
}

/** Where the containers of a service write what outlives them; undefined where nothing does. An anonymous volume goes with its container. */
export function writableVolume({ compose, main }: Pick<ContainerSpec, 'compose' | 'main'>): string | undefined {
  const { services } = mapping(JSON.parse(compose))
  for (const volume of list(mapping(mapping(services)[main]).volumes)) {
    if (typeof volume === 'string') {
      const [source, target, mode = ''] = volume.split(':')
      if (target !== undefined && !mode.split(',').includes('ro')) return source
    } else {
      const { type, source, read_only: readOnly } = mapping(volume)
      if (type !== 'tmpfs' && readOnly !== true && source !== undefined) return String(source)
    }
  }
  return undefined
}

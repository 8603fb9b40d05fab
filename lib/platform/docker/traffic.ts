import type { ContainerSpec, Overlap } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import { type Container, serviceContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import { proxyAdapters } from './proxy/index.ts'
import type { ProxyAdapter, ProxyPlace, ProxyTarget } from './proxy/port.ts'

/** Which containers of a service get the requests that come through its proxy, while new ones take the place of old ones. */
export type Traffic = {
  /** These alone get requests, whoever else has the service's name; with none, the proxy goes by the name. */
  hold(containers: readonly Container[]): Promise<Result<void>>
  /** These get the requests, and the others no new ones; says whether all that were under way have been answered. */
  switch(to: readonly Container[], from: readonly Container[]): Promise<Result<{ drained: boolean }>>
  /** The proxy goes by the service's name again. */
  free(): Promise<Result<void>>
}

/** Steers a service's requests. Where no proxy sends any, or the proxy does not run, there is nothing to steer. */
export async function trafficOf(
  docker: DockerContext,
  service: string,
  { main, overlap }: Pick<ContainerSpec, 'main' | 'overlap'>,
  signal?: AbortSignal,
): Promise<Result<Traffic>> {
  const route = overlap?.proxy
  const place = route ? await proxyPlace(docker, route.service, signal) : ok(undefined)
  if (!place.ok) return place
  if (!route || !place.value) return ok(nobody)
  const adapter: ProxyAdapter = proxyAdapters[route.adapter]
  return ok(steered(adapter, place.value, service, { main, route, drainMs: overlap.drainMs }))
}

const nobody: Traffic = {
  hold: async () => ok(undefined),
  switch: async () => ok({ drained: true }),
  free: async () => ok(undefined),
}

type Steered = { main: string; route: NonNullable<Overlap['proxy']>; drainMs: number }

function steered(
  adapter: ProxyAdapter,
  place: ProxyPlace,
  service: string,
  { main, route, drainMs }: Steered,
): Traffic {
  const targetsOf = (containers: readonly Container[]): ProxyTarget[] =>
    containers.flatMap(({ id, composeService, addresses }) => {
      const address = addresses[route.network]
      return composeService === main && address !== undefined
        ? // Names change while a container is kept, ids never do.
          [{ name: id.slice(0, 12), address: `${address}:${route.port}` }]
        : []
    })
  const others = async (wanted: readonly ProxyTarget[]): Promise<Result<ProxyTarget[]>> => {
    const now = await adapter.targets(place, service)
    if (!now.ok) return now
    return ok((now.value ?? []).filter(({ name }) => !wanted.some((one) => one.name === name)))
  }
  const free = async (): Promise<Result<void>> => {
    const all = await others([])
    if (!all.ok) return all
    return all.value.length > 0 ? adapter.remove(place, service, all.value) : ok(undefined)
  }
  return {
    free,
    async hold(containers) {
      const wanted = targetsOf(containers)
      if (wanted.length === 0) return free()
      const added = await adapter.add(place, service, wanted)
      if (!added.ok) return added
      const rest = await others(wanted)
      if (!rest.ok || rest.value.length === 0) return rest.ok ? ok(undefined) : rest
      const drained = await adapter.drain(place, service, rest.value, drainMs)
      return drained.ok ? adapter.remove(place, service, rest.value) : drained
    },
    async switch(to, from) {
      const wanted = targetsOf(to)
      if (wanted.length === 0) return ok({ drained: true })
      const added = await adapter.add(place, service, wanted)
      if (!added.ok) return added
      // Besides those that are to leave: what a run that died had added.
      const rest = await others(wanted)
      if (!rest.ok) return rest
      const leaving = [
        ...rest.value,
        ...targetsOf(from).filter(({ name }) => !rest.value.some((one) => one.name === name)),
      ]
      return leaving.length > 0 ? adapter.drain(place, service, leaving, drainMs) : ok({ drained: true })
    },
  }
}

/** Where the proxy runs; undefined where it does not. */
export async function proxyPlace(
  docker: DockerContext,
  proxy: string,
  signal?: AbortSignal,
): Promise<Result<ProxyPlace | undefined>> {
  const found = await serviceContainers(docker, proxy, signal)
  if (!found.ok) return found
  const [first, ...more] = found.value.filter(({ kept, status }) => !kept && status === 'running').map(({ id }) => id)
  if (first === undefined) return ok(undefined)
  return ok({ engine: docker.engine, containers: [first, ...more], ...(signal && { signal }) })
}

import { type Fields, fieldsOf, isFields, itemsOf, textOf } from '../../../manifest/fields.ts'
import { parseQuantity } from '../../../manifest/kubernetes/quantity.ts'
import type { KubernetesObject } from '../../../model/kubernetes-object.ts'

/** Amounts by resource, in billionths (`parseQuantity`). */
export type Amounts = ReadonlyMap<string, bigint>

/** What one pod requests, and what it is limited to. */
export type PodResources = { requests: Amounts; limits: Amounts }

/** What a namespace's LimitRanges fill in and demand of containers. */
export type ContainerLimits = { defaults: Amounts; defaultRequests: Amounts; max: Amounts; min: Amounts }

/** The amounts of a mapping of quantities; what is none is left out. */
export function amountsOf(value: unknown): Map<string, bigint> {
  const found = new Map<string, bigint>()
  for (const [name, one] of Object.entries(isFields(value) ? value : {})) {
    const amount = parseQuantity(one)
    if (amount !== undefined) found.set(name, amount)
  }
  return found
}

/** What the LimitRanges of a namespace say of containers. Of several the first one that names a resource decides, as the server picks any. */
export function containerLimits(ranges: readonly KubernetesObject[]): ContainerLimits {
  const items = ranges
    .flatMap((range) => itemsOf(range, 'spec', 'limits'))
    .filter((item) => textOf(item, 'type') === 'Container')
  const pick = (...keys: string[]) => {
    const found = new Map<string, bigint>()
    for (const item of items) {
      for (const key of keys) {
        for (const [name, amount] of amountsOf(fieldsOf(item, key))) if (!found.has(name)) found.set(name, amount)
      }
    }
    return found
  }
  return {
    defaults: pick('default', 'max'),
    defaultRequests: pick('defaultRequest', 'default', 'min'),
    max: pick('max'),
    min: pick('min'),
  }
}

const empty: ContainerLimits = { defaults: new Map(), defaultRequests: new Map(), max: new Map(), min: new Map() }

/** What a container requests and is limited to, with what the server and the LimitRanges fill in. */
export function containerResources(container: unknown, limits: ContainerLimits = empty): PodResources {
  const own = amountsOf(fieldsOf(container, 'resources', 'limits'))
  const asked = amountsOf(fieldsOf(container, 'resources', 'requests'))
  const all = new Map([...limits.defaults, ...own])
  // The server fills a request in from the container's own limit before LimitRanges do.
  return { limits: all, requests: new Map([...limits.defaultRequests, ...own, ...asked]) }
}

/**
 * What a pod counts for: the sum of its containers, or the largest init container where that is more; sidecars (init containers that go
 * on) count beside both.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
export function podResources(spec: Fields, limits: ContainerLimits = empty): PodResources {
  const initial = itemsOf(spec, 'initContainers')
  const sidecars = initial.filter((one) => textOf(one, 'restartPolicy') === 'Always')
  const running = [...sidecars, ...itemsOf(spec, 'containers')].map((one) => containerResources(one, limits))
  const before = initial.filter((one) => !sidecars.includes(one)).map((one) => containerResources(one, limits))
  const overhead = amountsOf(fieldsOf(spec, 'overhead'))
  const of = (part: 'requests' | 'limits') => {
    const sum = added(running.map((one) => one[part]))
    for (const one of before)
      for (const [name, amount] of one[part])
        sum.set(name, amount > (sum.get(name) ?? 0n) ? amount : (sum.get(name) ?? 0n))
    return added([sum, ...(part === 'requests' || sum.size > 0 ? [overhead] : [])])
  }
  return { requests: of('requests'), limits: of('limits') }
}

/** The sums of several amounts. */
export function added(all: readonly Amounts[]): Map<string, bigint> {
  const sum = new Map<string, bigint>()
  for (const amounts of all) for (const [name, amount] of amounts) sum.set(name, (sum.get(name) ?? 0n) + amount)
  return sum
}

/** Amounts so many times. */
export const times = (amounts: Amounts, count: number): Map<string, bigint> =>
  new Map([...amounts].map(([name, amount]) => [name, amount * BigInt(count)]))

import type { Path } from '../manifest/yaml-file.ts'
import type { PlatformName } from '../model/environment.ts'
import type { Dependency, ServiceConfiguration } from '../model/service.ts'
import { compareText } from './concern.ts'

/** A dependency with where it is written. */
export type DeclaredDependency = Dependency & { path: Path; platform?: 'docker' | 'kubernetes' }

/** All dependencies that a service declares: its own list, and the additions for single platforms. */
export function declaredDependencies({ dependencies, docker, kubernetes }: ServiceConfiguration): DeclaredDependency[] {
  const read = (list: typeof dependencies, base: Path, platform?: 'docker' | 'kubernetes'): DeclaredDependency[] =>
    list.map((entry, index) => ({
      ...(typeof entry === 'string' ? { service: entry, optional: false } : entry),
      path: typeof entry === 'string' ? [...base, index] : [...base, index, 'service'],
      ...(platform && { platform }),
    }))
  return [
    ...read(dependencies, ['dependencies']),
    ...read(docker?.dependencies ?? [], ['docker', 'dependencies'], 'docker'),
    ...read(kubernetes?.dependencies ?? [], ['kubernetes', 'dependencies'], 'kubernetes'),
  ]
}

/** A service's dependencies on a platform, each service once: required where any of the lists says so. */
export function dependenciesOn(configuration: ServiceConfiguration, platform: PlatformName): DeclaredDependency[] {
  const merged = new Map<string, DeclaredDependency>()
  for (const dependency of declaredDependencies(configuration)) {
    if (dependency.platform !== undefined && dependency.platform !== platform) continue
    const earlier = merged.get(dependency.service)
    if (!earlier || (earlier.optional && !dependency.optional)) merged.set(dependency.service, dependency)
  }
  return [...merged.values()]
}

/**
 * Names so that each comes after all that it depends on; among those that could come next, the first by name. Dependencies on names
 * that are not in the graph are passed over. Members of a cycle come last, by name.
 */
export function inDependencyOrder(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const remaining = new Map([...graph].map(([name, needs]) => [name, new Set(needs.filter((need) => graph.has(need)))]))
  const order: string[] = []
  while (remaining.size > 0) {
    const ready = [...remaining].filter(([, needs]) => needs.size === 0).map(([name]) => name)
    const next = ready.sort(compareText)[0]
    if (next === undefined) return [...order, ...[...remaining.keys()].sort(compareText)]
    order.push(next)
    remaining.delete(next)
    for (const needs of remaining.values()) needs.delete(next)
  }
  return order
}

/** The shortest way from a name back to itself, both ends included; undefined when there is none. */
export function cycleThrough(start: string, graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const from = new Map<string, string>()
  const queue = [start]
  for (const name of queue) {
    for (const need of graph.get(name) ?? []) {
      if (need === start) {
        const way = [start]
        for (let at = name; at !== start; at = from.get(at) as string) way.unshift(at)
        return [start, ...way]
      }
      if (!graph.has(need) || from.has(need)) continue
      from.set(need, name)
      queue.push(need)
    }
  }
  return undefined
}

import { platforms } from '../../model/environment.ts'
import type { Concern, ConfigurationFailure } from '../concern.ts'
import { compareText } from '../concern.ts'
import { cycleThrough, type DeclaredDependency, declaredDependencies, dependenciesOn } from '../dependency-graph.ts'
import { failureAtValue, type LoadedFiles, type LoadedService, nearestOf } from '../files.ts'

/** Codes: `unknown-dependency`, `duplicate-dependency`, `dependency-cycle` (once a cycle, named from its first member by name). */
export function checkDependencies(files: LoadedFiles): ConfigurationFailure[] {
  return [...[...files.services.values()].flatMap((service) => checkTargets(service, files)), ...checkCycles(files)]
}

function checkTargets(service: LoadedService, { names }: LoadedFiles): ConfigurationFailure[] {
  const declared = declaredDependencies(service.configuration)
  return declared.flatMap((dependency, index) => {
    const concern = concernOf(service, dependency)
    if (!names.services.includes(dependency.service)) {
      const others = names.services.filter((name) => name !== service.name)
      return [
        failureAtValue(service, dependency.path, {
          code: 'unknown-dependency',
          message: `there is no service \`${dependency.service}\` to depend on`,
          ...nearestOf(dependency.service, others, 'other services'),
          concern,
        }),
      ]
    }
    const sameList = (other: DeclaredDependency) =>
      other.service === dependency.service && other.platform === dependency.platform
    if (declared.findIndex(sameList) === index) return []
    const message = `the dependency on \`${dependency.service}\` is there twice`
    return [failureAtValue(service, dependency.path, { code: 'duplicate-dependency', message, concern })]
  })
}

function checkCycles({ services }: LoadedFiles): ConfigurationFailure[] {
  const found = new Map<string, ConfigurationFailure>()
  for (const platform of platforms) {
    const graph = new Map(
      [...services.values()].map(({ name, configuration }) => [
        name,
        dependenciesOn(configuration, platform).map(({ service }) => service),
      ]),
    )
    const reported = new Set<string>()
    for (const name of [...services.keys()].sort(compareText)) {
      const cycle = reported.has(name) ? undefined : cycleThrough(name, graph)
      if (!cycle) continue
      for (const member of cycle) reported.add(member)
      const text = cycle.join(' → ')
      if (found.has(text)) continue
      const service = services.get(name) as LoadedService
      const first = dependenciesOn(service.configuration, platform).find(({ service }) => service === cycle[1])
      const dependency = first as DeclaredDependency
      found.set(
        text,
        failureAtValue(service, dependency.path, {
          code: 'dependency-cycle',
          message: `services depend on each other: ${text}`,
          why: 'none of them could be started first',
          concern: concernOf(service, dependency),
        }),
      )
    }
  }
  return [...found.values()]
}

const concernOf = ({ name }: LoadedService, { platform }: DeclaredDependency): Concern => ({
  service: name,
  ...(platform && { platforms: [platform] }),
})

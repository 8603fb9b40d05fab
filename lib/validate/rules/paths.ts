import type { Path } from '../../manifest/yaml-file.ts'
import type { PlatformName } from '../../model/environment.ts'
import type { ConfigurationFailure } from '../concern.ts'
import { failureAtValue, type LoadedFiles, type LoadedService } from '../files.ts'

/**
 * Paths that services name are inside of the workspace and there. A release is made of the workspace's files, so it could not hold others. Codes:
 * `path-outside`, `path-missing`.
 */
export function checkPaths({ services }: LoadedFiles, exists: (path: string) => boolean): ConfigurationFailure[] {
  return [...services.values()].flatMap((service) =>
    pathsOf(service).flatMap(({ path, at, platform }) => {
      const concern = { service: service.name, ...(platform && { platforms: [platform] }) }
      if (isOutside(path)) {
        const why = 'expected a path relative to the workspace, without `..` at its beginning'
        const message = `${path} is not inside of the workspace`
        return [failureAtValue(service, at, { code: 'path-outside', message, why, concern })]
      }
      if (exists(path)) return []
      return [failureAtValue(service, at, { code: 'path-missing', message: `${path} is not there`, concern })]
    }),
  )
}

type NamedPath = { path: string; at: Path; platform?: PlatformName }

function pathsOf({ configuration }: LoadedService): NamedPath[] {
  const { local, docker, kubernetes, build } = configuration
  const found: (NamedPath | false | undefined)[] = [
    local && { path: local.directory, at: ['local', 'directory'], platform: 'local' },
    docker && { path: docker.path, at: ['docker', 'path'], platform: 'docker' },
    ...(kubernetes?.manifests ?? []).map(
      (path, index): NamedPath => ({ path, at: ['kubernetes', 'manifests', index], platform: 'kubernetes' }),
    ),
    build && { path: build.directory, at: ['build', 'directory'] },
    build?.dockerfile !== undefined && { path: build.dockerfile, at: ['build', 'dockerfile'] },
    build?.context !== undefined && { path: build.context, at: ['build', 'context'] },
    ...configuration.configuration.volumes.map(
      ({ source }, index) =>
        source !== undefined && { path: source, at: ['configuration', 'volumes', index, 'source'] },
    ),
  ]
  return found.filter((path): path is NamedPath => Boolean(path))
}

function isOutside(path: string): boolean {
  if (path.startsWith('/') || path.includes('\0')) return true
  let depth = 0
  for (const part of path.split('/')) {
    if (part === '..') depth -= 1
    else if (part !== '' && part !== '.') depth += 1
    if (depth < 0) return true
  }
  return false
}

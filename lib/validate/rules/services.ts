import type { Path } from '../../manifest/yaml-file.ts'
import type { ConfigurationFailure } from '../concern.ts'
import { failureAtKey, failureAtValue, type LoadedFiles, type LoadedService } from '../files.ts'

/** What a service's own file must be beyond its structure. Codes: `missing-key`, `conflicting-keys`, `duplicate-variable`. */
export function checkServices({ services }: LoadedFiles): ConfigurationFailure[] {
  return [...services.values()].flatMap((service) => [
    ...checkLocal(service),
    ...checkBuild(service),
    ...checkVariables(service),
  ])
}

function checkLocal(service: LoadedService): ConfigurationFailure[] {
  const { local } = service.configuration
  if (!local) return []
  const concern = { service: service.name, platforms: ['local' as const] }
  const lacks = (message: string, why: string) => [
    failureAtKey(service, ['local'], { code: 'missing-key', message, why, concern }),
  ]
  if (local.command && local.engine) {
    const message = 'local has both `command` and `engine`'
    const why = 'an engine is started by vital-ops itself'
    return [failureAtKey(service, ['local', 'command'], { code: 'conflicting-keys', message, why, concern })]
  }
  if (!local.command && !local.engine)
    return lacks('local lacks the key `command`', 'it must say `command` or `engine`')
  if (local.engine && Object.keys(local.ports).length === 0) {
    return lacks('local lacks the key `ports`', `the engine ${local.engine} needs a port to listen on`)
  }
  return []
}

function checkBuild(service: LoadedService): ConfigurationFailure[] {
  const { build } = service.configuration
  if (!build || build.command || build.dockerfile) return []
  return [
    failureAtKey(service, ['build'], {
      code: 'missing-key',
      message: 'build lacks the key `command`',
      why: 'it must say `command` or `dockerfile`',
      concern: { service: service.name },
    }),
  ]
}

function checkVariables(service: LoadedService): ConfigurationFailure[] {
  const { secrets, environment_variables, volumes } = service.configuration.configuration
  const concern = { service: service.name }
  const failures: ConfigurationFailure[] = []
  const twice = (path: Path, name: string, why: string) =>
    failures.push(
      failureAtValue(service, path, { code: 'duplicate-variable', message: `${name} is there twice`, why, concern }),
    )
  secrets.forEach((name, index) => {
    const path = ['configuration', 'secrets', index]
    if (secrets.indexOf(name) < index) twice(path, name, 'each secret once')
    else if (Object.hasOwn(environment_variables, name)) {
      const { place } = service.yaml.keySpot(['configuration', 'environment_variables', name])
      twice(
        path,
        name,
        `it is among the environment_variables already (line ${place.line}); a secret is a variable by itself`,
      )
    }
  })
  volumes.forEach((volume, index) => {
    if (volume.name !== undefined || volume.source !== undefined) return
    failures.push(
      failureAtKey(service, ['configuration', 'volumes', index], {
        code: 'missing-key',
        message: `configuration.volumes[${index}] lacks the key \`name\``,
        why: 'it must say `name` (data that is kept) or `source` (a file or folder of the workspace)',
        concern,
      }),
    )
  })
  return failures
}

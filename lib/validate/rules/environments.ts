import type { Path } from '../../manifest/yaml-file.ts'
import { nearest } from '../../model/nearest.ts'
import type { ConfigurationFailure } from '../concern.ts'
import {
  failureAtKey,
  failureAtValue,
  type LoadedEnvironment,
  type LoadedFiles,
  nearestAs,
  nearestOf,
  servicesOf,
} from '../files.ts'

/**
 * What environments say about services and platforms. Codes: `unknown-service`, `unknown-port`, `unknown-database-service`, `missing-database`,
 * `conflicting-keys`, `missing-key`, `literal-value`.
 */
export function checkEnvironments(files: LoadedFiles): ConfigurationFailure[] {
  return [...files.environments.values()].flatMap((environment) => [
    ...checkServiceNames(environment, files),
    ...checkOverrides(environment, files),
    ...checkDatabase(environment, files),
    ...checkPlatform(environment),
    ...checkValues(environment),
  ])
}

const concernOf = (environment: LoadedEnvironment) => ({ environments: [environment.name] })

function checkServiceNames(environment: LoadedEnvironment, { names }: LoadedFiles): ConfigurationFailure[] {
  const { services } = environment.configuration
  const listed = Array.isArray(services)
  const given = listed ? services : Object.keys(services ?? {})
  return given.flatMap((name, index) => {
    const concern = concernOf(environment)
    const path: Path = ['services', listed ? index : name]
    if (!names.services.includes(name)) {
      const near = nearestOf(name, names.services, 'services')
      const said = { code: 'unknown-service', message: `there is no service \`${name}\``, ...near, concern }
      return [listed ? failureAtValue(environment, path, said) : failureAtKey(environment, path, said)]
    }
    if (given.indexOf(name) === index) return []
    const message = `the service \`${name}\` is there twice`
    return [failureAtValue(environment, path, { code: 'duplicate-service', message, concern })]
  })
}

function checkOverrides(environment: LoadedEnvironment, { services }: LoadedFiles): ConfigurationFailure[] {
  const overrides = environment.configuration.services
  if (!overrides || Array.isArray(overrides)) return []
  return Object.entries(overrides).flatMap(([name, override]) => {
    const service = services.get(name)?.configuration
    if (!service) return []
    const concern = concernOf(environment)
    const ports = [
      ...Object.keys(service.local?.ports ?? {}),
      ...(service.docker?.ports ?? []).flatMap((port) => port.name ?? []),
    ]
    const unknownPorts = Object.keys(override.ports)
      .filter((port) => !ports.includes(port))
      .map((port) =>
        failureAtKey(environment, ['services', name, 'ports', port], {
          code: 'unknown-port',
          message: `the service \`${name}\` has no port \`${port}\``,
          ...nearestAs(nearest(port, ports)),
          concern,
        }),
      )
    const secrets = service.configuration.secrets
      .filter((secret) => Object.hasOwn(override.environment_variables, secret))
      .map((secret) =>
        failureAtKey(environment, ['services', name, 'environment_variables', secret], {
          code: 'duplicate-variable',
          message: `${secret} is a secret of \`${name}\`, its value cannot stand here`,
          why: 'this file is committed',
          next: [`put ${secret} into .env.${environment.name}`],
          concern,
        }),
      )
    return [...unknownPorts, ...secrets]
  })
}

function checkDatabase(environment: LoadedEnvironment, files: LoadedFiles): ConfigurationFailure[] {
  const { database, services: listed } = environment.configuration
  if (!database) return []
  const concern = concernOf(environment)
  const { service: name, url } = database
  const at = (code: string, message: string, more: { why?: string; nearest?: string } = {}) => [
    failureAtValue(environment, ['database', 'service'], { code, message, ...more, concern }),
  ]
  if (!files.names.services.includes(name)) {
    const databases = [...files.services.values()]
      .filter(({ configuration }) => configuration.database)
      .map(({ name }) => name)
    const near = nearest(name, files.names.services) ?? (databases.length === 1 ? databases[0] : undefined)
    return at('unknown-database-service', `there is no service \`${name}\``, nearestAs(near))
  }
  const service = files.services.get(name)
  if (service && !service.configuration.database) {
    const why = `config/services/${name}.yaml has no section \`database\` with its name, user and password`
    return at('missing-database', `the service \`${name}\` is no database`, { why })
  }
  const runs = servicesOf(files, environment).includes(name)
  if (url === undefined && !runs) {
    const why = 'it is not among its services, and no `url` says where it is'
    return at('unknown-database-service', `the service \`${name}\` does not run in this environment`, { why })
  }
  if (url === undefined || !runs || listed === undefined) return []
  return [
    failureAtKey(environment, ['database', 'url'], {
      code: 'conflicting-keys',
      message: `database has a \`url\`, and the environment runs \`${name}\` itself`,
      why: 'the address is for a database that no service of the environment runs',
      concern,
    }),
  ]
}

function checkPlatform(environment: LoadedEnvironment): ConfigurationFailure[] {
  const { platform, kubernetes } = environment.configuration
  if (platform !== 'kubernetes' || kubernetes) return []
  return [
    failureAtValue(environment, ['platform'], {
      code: 'missing-key',
      message: 'the key `kubernetes` is missing',
      why: 'it must say the `context` of the cluster',
      concern: concernOf(environment),
    }),
  ]
}

/** Values are taken as they are: a reference in one would reach the service as text. */
function checkValues(environment: LoadedEnvironment): ConfigurationFailure[] {
  const { values, rehearsal } = environment.configuration
  const check = (mapping: typeof values, base: Path) =>
    Object.entries(mapping)
      .filter(([, value]) => String(value).includes('${'))
      .map(([name]) => {
        const path = [...base, name]
        return {
          code: 'literal-value',
          message: `the value ${name} holds a reference, but values are taken as they are`,
          ...(environment.yaml.markSpot(path, '${', 0) ?? environment.yaml.keySpot(path)),
          why: 'references are for environment_variables, local.command, probes and database.url',
          outcome: 'unchanged' as const,
          concern: concernOf(environment),
        }
      })
  return [...check(values, ['values']), ...check(rehearsal?.values ?? {}, ['rehearsal', 'values'])]
}

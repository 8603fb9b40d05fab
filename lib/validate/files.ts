import type { Path, YamlFile } from '../manifest/yaml-file.ts'
import type { EnvironmentConfiguration, PlatformName, WorkspaceConfiguration } from '../model/environment.ts'
import { nearest } from '../model/nearest.ts'
import type { ServiceConfiguration } from '../model/service.ts'
import type { ConfigurationFailure } from './concern.ts'
import type { EnvExample } from './env-plan.ts'

/** A workspace's files: path relative to the workspace, with `/`, to text. */
export type WorkspaceTexts = ReadonlyMap<string, string>

/** Where a workspace's configuration is, relative to it. */
export const configurationPaths = {
  workspace: 'config/workspace.yaml',
  services: 'config/services',
  environments: 'config/environments',
  example: (environment: string) => `config/environments/.env.${environment}.example`,
  values: (environment: string) => `.env.${environment}`,
} as const

/** A configuration file as loaded: its values with defaults, and where everything is. Its name is that of the file. */
export type Loaded<T> = {
  name: string
  path: string
  configuration: T
  yaml: YamlFile
  /** Platforms whose section has mistakes: it was left out of the configuration. */
  broken?: readonly PlatformName[]
}

/** A file of config/services. */
export type LoadedService = Loaded<ServiceConfiguration>
/** A file of config/environments. */
export type LoadedEnvironment = Loaded<EnvironmentConfiguration>

/** What could be loaded of a workspace, its own file aside. Files with mistakes are left out, but their names are known. */
export type LoadedFiles = {
  services: ReadonlyMap<string, LoadedService>
  environments: ReadonlyMap<string, LoadedEnvironment>
  /** By the environment's name. */
  examples: ReadonlyMap<string, EnvExample>
  /** Every service and environment that has a file, also a broken one. */
  names: { services: readonly string[]; environments: readonly string[] }
}

/** A workspace as loaded. */
export type Workspace = LoadedFiles & { configuration: WorkspaceConfiguration }

/** What a rule says about a place; the place itself is looked up. */
export type Said = Omit<ConfigurationFailure, 'place' | 'source' | 'outcome'>

/** A failure at a value of a configuration file. */
export function failureAtValue(file: Pick<Loaded<unknown>, 'yaml'>, path: Path, said: Said): ConfigurationFailure {
  return { ...said, ...(file.yaml.valueSpot(path) ?? file.yaml.keySpot(path)), outcome: 'unchanged' }
}

/** A failure at a key of a configuration file. */
export function failureAtKey(file: Pick<Loaded<unknown>, 'yaml'>, path: Path, said: Said): ConfigurationFailure {
  return { ...said, ...file.yaml.keySpot(path), outcome: 'unchanged' }
}

/** `nearest` as a part of a failure: nothing when there is none. */
export const nearestAs = (name: string | undefined): { nearest?: string } =>
  name === undefined ? {} : { nearest: name }

/** The nearest valid name; when none is near, all of them as the reason. */
export function nearestOf(name: string, valid: readonly string[], kind: string): { nearest?: string; why?: string } {
  const near = nearest(name, valid)
  if (near !== undefined) return { nearest: near }
  return valid.length > 0 ? { why: `the ${kind} are ${valid.join(', ')}` } : { why: `there are no ${kind}` }
}

/** The service, unless its file or its section for the platform has mistakes that are reported already. */
export function usableService(
  { services }: LoadedFiles,
  name: string,
  platform: PlatformName,
): LoadedService | undefined {
  const service = services.get(name)
  return service?.broken?.includes(platform) ? undefined : service
}

/** The names of the services that an environment has: what it lists, or every service; with those that have a broken file. */
export function servicesOf({ names }: LoadedFiles, environment: LoadedEnvironment): string[] {
  const { services, database } = environment.configuration
  if (Array.isArray(services)) return services
  if (services) return Object.keys(services)
  return names.services.filter((name) => !(database?.url !== undefined && database.service === name))
}

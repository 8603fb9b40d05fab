import { parseYamlFile, type YamlFile } from '../manifest/yaml-file.ts'
import type { WorkspaceConfiguration } from '../model/environment.ts'
import { type EnvironmentConfiguration, environmentSchema, workspaceSchema } from '../model/environment.ts'
import { type ServiceConfiguration, serviceSchema } from '../model/service.ts'
import { type ConfigurationFailure, compareText, concerning, inOrderOfPlace } from './concern.ts'
import { type EnvExample, parseEnvExample } from './env-plan.ts'
import { configurationPaths, type Loaded, type Workspace, type WorkspaceTexts } from './files.ts'
import { checkAgainst } from './issues.ts'
import { withOnlyDatabase } from './only-database.ts'
import { checkDependencies } from './rules/dependencies.ts'
import { checkEnvironments } from './rules/environments.ts'
import { checkNames, strayFiles } from './rules/names.ts'
import { checkPaths } from './rules/paths.ts'
import { checkRoutes } from './rules/routes.ts'
import { checkServices } from './rules/services.ts'

/** What `loadWorkspace` may look at besides the texts. */
export type LoadOptions = {
  /** Whether a path relative to the workspace is there; without it, paths in the configuration are not checked. */
  exists?: (path: string) => boolean
}

/**
 * Reads and checks all files of a workspace but for values (`checkValues`). Never throws; returns every mistake at once, in the order of places.
 * `workspace` is undefined only when config/workspace.yaml itself cannot be used.
 */
export function loadWorkspace(
  texts: WorkspaceTexts,
  options: LoadOptions = {},
): { workspace: Workspace | undefined; failures: ConfigurationFailure[] } {
  const failures: ConfigurationFailure[] = []
  const own = loadOwnFile(texts, failures)
  const services = loadServices(texts, failures)
  const environments = loadEnvironments(texts, failures)
  const files = {
    services: services.loaded,
    environments: environments.loaded,
    examples: loadExamples(texts, failures),
    names: { services: services.names, environments: environments.names },
  }
  const loaded = { ...files, environments: withOnlyDatabase(files) }
  failures.push(
    ...strayFiles(texts, environments.names),
    ...checkServices(loaded),
    ...checkDependencies(loaded),
    ...checkRoutes(loaded),
    ...checkEnvironments(loaded),
    ...(options.exists ? checkPaths(loaded, options.exists) : []),
  )
  return {
    workspace: own && { configuration: own, ...loaded },
    failures: inOrderOfPlace(failures),
  }
}

function loadOwnFile(texts: WorkspaceTexts, failures: ConfigurationFailure[]): WorkspaceConfiguration | undefined {
  const path = configurationPaths.workspace
  const text = texts.get(path)
  if (text === undefined) {
    const missing = { code: 'workspace-missing', message: `${path} is missing`, place: { file: path } } as const
    failures.push({ ...missing, next: ['task --init --ops'], outcome: 'unchanged', concern: {} })
    return undefined
  }
  const yaml = parseYamlFile(path, text)
  const { value, mistakes } = checkAgainst(workspaceSchema, yaml)
  failures.push(...concerning({}, [...yaml.failures, ...mistakes.map(({ failure }) => failure)]))
  return value
}

type LoadedSet<T> = { loaded: Map<string, Loaded<T>>; names: string[] }

function loadServices(texts: WorkspaceTexts, failures: ConfigurationFailure[]): LoadedSet<ServiceConfiguration> {
  const found: Loaded<ServiceConfiguration>[] = []
  const files = filesIn(texts, configurationPaths.services)
  for (const [path, text] of files) {
    const service = baseName(path)
    const yaml = parseYamlFile(path, text)
    const { value, mistakes } = checkAgainst(serviceSchema, yaml)
    failures.push(...concerning({ service }, yaml.failures))
    for (const { failure, section } of mistakes) {
      const platforms = platformOf(section)
      failures.push({ ...failure, concern: { service, ...(platforms && { platforms: [platforms] }) } })
    }
    // A mistake in what only another platform reads does not keep this one from running the service.
    const broken = [...new Set(mistakes.map(({ section }) => platformOf(section)))]
    const usable = value ?? (broken.includes(undefined) ? undefined : withoutSections(yaml, broken as string[]))
    if (usable) {
      const sections = broken.filter((platform) => platform !== undefined)
      found.push({ name: service, path, configuration: usable, yaml, ...(sections.length > 0 && { broken: sections }) })
    }
  }
  failures.push(...checkNames(found, 'service'))
  return { loaded: byName(found), names: files.map(([path]) => baseName(path)) }
}

function loadEnvironments(
  texts: WorkspaceTexts,
  failures: ConfigurationFailure[],
): LoadedSet<EnvironmentConfiguration> {
  const found: Loaded<EnvironmentConfiguration>[] = []
  const files = filesIn(texts, configurationPaths.environments)
  for (const [path, text] of files) {
    const environment = baseName(path)
    const yaml = parseYamlFile(path, text)
    const { value, mistakes } = checkAgainst(environmentSchema, yaml)
    const concern = { environments: [environment] }
    failures.push(...concerning(concern, [...yaml.failures, ...mistakes.map(({ failure }) => failure)]))
    if (value) found.push({ name: environment, path, configuration: value, yaml })
  }
  failures.push(...checkNames(found, 'environment'))
  return { loaded: byName(found), names: files.map(([path]) => baseName(path)) }
}

function loadExamples(texts: WorkspaceTexts, failures: ConfigurationFailure[]): Map<string, EnvExample> {
  const examples = new Map<string, EnvExample>()
  for (const [path, text] of [...texts].sort(([left], [right]) => compareText(left, right))) {
    const environment = /^config\/environments\/\.env\.(.+)\.example$/.exec(path)?.[1]
    if (environment === undefined) continue
    const example = parseEnvExample(path, text)
    examples.set(environment, example)
    failures.push(...concerning({ environments: [environment] }, example.failures))
  }
  return examples
}

const platformOf = (section: PropertyKey | undefined): 'docker' | 'kubernetes' | undefined =>
  section === 'docker' || section === 'kubernetes' ? section : undefined

function withoutSections(yaml: YamlFile, sections: readonly string[]): ServiceConfiguration | undefined {
  const rest = Object.fromEntries(Object.entries(Object(yaml.value)).filter(([key]) => !sections.includes(key)))
  return checkAgainst(serviceSchema, yaml, rest).value
}

/** The YAML files directly in a folder, in the order of their names. */
function filesIn(texts: WorkspaceTexts, folder: string): [path: string, text: string][] {
  return [...texts]
    .filter(([path]) => path.startsWith(`${folder}/`) && /^[^/]+\.yaml$/.test(path.slice(folder.length + 1)))
    .sort(([left], [right]) => compareText(left, right))
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1, -'.yaml'.length)

const byName = <T>(files: Loaded<T>[]): Map<string, Loaded<T>> => new Map(files.map((file) => [file.name, file]))

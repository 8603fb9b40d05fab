import type { ConfigurationFailure } from './concern.ts'
import { configurationPaths, type LoadedEnvironment, type Workspace } from './files.ts'
import { tryResolve } from './resolve.ts'

/**
 * Resolves every environment without asking its secret providers, so that references without a value, ports that are wanted twice and services that
 * cannot run are found before anything is set up. Names of the example count as having a value; where a provider is no .env file of the
 * environment, so does every name. A mistake that several environments have is returned once, with all their names.
 * `except`: an environment that is resolved with its real values anyway.
 */
export function checkValues(workspace: Workspace, options: { except?: string } = {}): ConfigurationFailure[] {
  const merged = new Map<string, ConfigurationFailure[]>()
  for (const environment of workspace.environments.values()) {
    if (environment.name === options.except) continue
    const { failures } = tryResolve(workspace, environment.name, {
      folder: '',
      values: new Map(namesOfExample(workspace, environment)),
      digest: ({ name }) => ({ secret: name, digest: '' }),
      assume: isOpen(workspace, environment) ? 'all' : 'known',
    })
    for (const failure of failures) {
      const { file, line, column } = failure.place ?? { file: '' }
      const key = `${failure.code} ${file}:${line}:${column}`
      merged.set(key, [...(merged.get(key) ?? []), failure])
    }
  }
  return [...merged.values()].map(asOne)
}

/** The same mistake in several environments as one failure that names them. */
function asOne(failures: readonly ConfigurationFailure[]): ConfigurationFailure {
  const [first] = failures as [ConfigurationFailure, ...ConfigurationFailure[]]
  const environments = failures.flatMap(({ concern }) => concern.environments ?? [])
  const next = [...new Set(failures.flatMap((failure) => failure.next ?? []))]
  return {
    ...first,
    why: [...(first.why === undefined ? [] : [first.why]), `in ${environments.join(' and ')}`].join('; '),
    ...(next.length > 0 && { next }),
    concern: { environments },
  }
}

const namesOfExample = ({ examples }: Workspace, { name }: LoadedEnvironment): [string, string][] =>
  examples.get(name)?.entries.map((entry) => [entry.name, entry.value]) ?? []

/** Whether names can have a value that is not known before they are needed. */
function isOpen({ examples }: Workspace, { name, configuration }: LoadedEnvironment): boolean {
  // A line that cannot be read may have any name.
  if (examples.get(name)?.failures.some(({ code }) => code === 'invalid-env-line')) return true
  const own = configurationPaths.values(name)
  return configuration.secrets?.some((provider) => provider.type !== 'file' || provider.path !== own) ?? false
}

import { parseYamlFile } from '../manifest/yaml-file.ts'
import { type PlatformName, platforms, workspaceSchema } from '../model/environment.ts'
import { configurationPaths, type WorkspaceTexts } from './files.ts'
import { checkAgainst } from './issues.ts'

/** What a command that works from records (rollback, status, logs) needs to find them. */
export type Identity = {
  workspace?: { name: string; id: string }
  /** As the environment's file says. */
  platform?: PlatformName
  /** The engine that its file names, as far as that can be read. */
  docker?: { host?: string; context?: string }
  /** The cluster that its file names, as far as that can be read. */
  kubernetes?: { context: string; namespace?: string }
  /** The environments that have a file. */
  environments: string[]
}

/**
 * Reads who a workspace is and where an environment runs, out of whatever can be read: a typo elsewhere in today's YAML, even one that makes it no
 * YAML at all, does not matter.
 */
export function identityIn(texts: WorkspaceTexts, environment: string): Identity {
  const { value } = checkAgainst(workspaceSchema, parseYamlFile('', texts.get(configurationPaths.workspace) ?? ''))
  const workspace = value ?? scalars(texts.get(configurationPaths.workspace), ['name', 'id'])
  const configured = scalars(texts.get(`${configurationPaths.environments}/${environment}.yaml`), ['platform'])
  const platform = platforms.find((name) => name === configured?.platform)
  const docker = engineIn(texts.get(`${configurationPaths.environments}/${environment}.yaml`))
  const kubernetes = clusterIn(texts.get(`${configurationPaths.environments}/${environment}.yaml`))
  const folder = `${configurationPaths.environments}/`
  return {
    ...(workspace?.name && workspace.id && { workspace: { name: workspace.name, id: workspace.id } }),
    ...(platform && { platform }),
    ...(docker && { docker }),
    ...(kubernetes && { kubernetes }),
    environments: [...texts.keys()]
      .filter((path) => path.startsWith(folder) && /^[a-z0-9-]+\.yaml$/.test(path.slice(folder.length)))
      .map((path) => path.slice(folder.length, -'.yaml'.length))
      .sort(),
  }
}

function engineIn(text: string | undefined): Identity['docker'] {
  const { docker } = Object(parseYamlFile('', text ?? '').value) as { docker?: unknown }
  const { host, context } = Object(docker) as { host?: unknown; context?: unknown }
  if (typeof host === 'string') return { host }
  return typeof context === 'string' ? { context } : undefined
}

function clusterIn(text: string | undefined): Identity['kubernetes'] {
  const { kubernetes } = Object(parseYamlFile('', text ?? '').value) as { kubernetes?: unknown }
  const { context, namespace } = Object(kubernetes) as { context?: unknown; namespace?: unknown }
  if (typeof context !== 'string') return undefined
  return typeof namespace === 'string' ? { context, namespace } : { context }
}

/** Keys of the first level whose value is one plain or quoted word, found line by line. */
function scalars<K extends string>(
  text: string | undefined,
  keys: readonly K[],
): Record<K, string | undefined> | undefined {
  if (text === undefined) return undefined
  const found = keys.map((key) => {
    const value = new RegExp(`^${key}:[ \\t]*["']?([A-Za-z0-9-]+)["']?[ \\t]*(?:#.*)?\\r?$`, 'm').exec(text)?.[1]
    return [key, value] as const
  })
  return Object.fromEntries(found) as Record<K, string | undefined>
}

import { nearest } from '../../model/nearest.ts'
import { type Concern, type ConfigurationFailure, compareText } from '../concern.ts'
import { configurationPaths, failureAtValue, type Loaded, nearestAs, type WorkspaceTexts } from '../files.ts'

/** A file is named as what it defines, and no two define the same. Codes: `name-mismatch`, `duplicate-service`, `duplicate-environment`. */
export function checkNames(
  files: readonly Loaded<{ name: string }>[],
  kind: 'service' | 'environment',
): ConfigurationFailure[] {
  const owners = new Map<string, Loaded<{ name: string }>>()
  for (const file of files) {
    const { name } = file.configuration
    if (!owners.has(name) || file.name === name) owners.set(name, file)
  }
  return files
    .filter(({ name, configuration }) => configuration.name !== name)
    .map((file) => {
      const { name } = file.configuration
      const concern: Concern = kind === 'service' ? { service: file.name } : { environments: [file.name] }
      const owner = owners.get(name) as Loaded<{ name: string }>
      if (owner === file) {
        return failureAtValue(file, ['name'], {
          code: 'name-mismatch',
          message: `the name \`${name}\` does not fit the file's name`,
          why: `expected \`${file.name}\`, or the file to be named ${name}.yaml`,
          nearest: file.name,
          concern,
        })
      }
      const { place } = owner.yaml.keySpot(['name'])
      return failureAtValue(file, ['name'], {
        code: `duplicate-${kind}`,
        message: `a second ${kind} is named \`${name}\``,
        why: `the first is in ${place.file}:${place.line}:${place.column}`,
        nearest: file.name,
        concern,
      })
    })
}

/**
 * Files in the folders of the configuration that nothing would read. Codes: `misplaced-file`, `unknown-environment` (an example of an
 * environment that has no file).
 */
export function strayFiles(texts: WorkspaceTexts, environments: readonly string[]): ConfigurationFailure[] {
  return [...texts.keys()].sort(compareText).flatMap((path) => {
    const example = /^config\/environments\/\.env\.(.+)\.example$/.exec(path)?.[1]
    if (example !== undefined) return environments.includes(example) ? [] : [strayExample(path, example, environments)]
    const expected = expectedPath(path)
    if (expected === undefined || expected === path) return []
    return [
      {
        code: 'misplaced-file',
        message: 'this file is not read',
        place: { file: path },
        why: `expected ${expected}`,
        next: [`git mv ${path} ${expected}`],
        outcome: 'unchanged' as const,
        concern: {},
      },
    ]
  })
}

function strayExample(path: string, name: string, environments: readonly string[]): ConfigurationFailure {
  return {
    code: 'unknown-environment',
    message: `there is no environment \`${name}\``,
    place: { file: path },
    why: `expected a file ${configurationPaths.environments}/${name}.yaml`,
    ...nearestAs(nearest(name, environments)),
    outcome: 'unchanged',
    concern: {},
  }
}

/** Where a configuration file with that name would be read; undefined for files that are none of the configuration's. */
function expectedPath(path: string): string | undefined {
  if (/^config\/workspace\.ya?ml$/.test(path)) return configurationPaths.workspace
  const parts = /^(config\/(?:services|environments))\/(?:.*\/)?([^/]+)\.ya?ml$/.exec(path)
  return parts ? `${parts[1]}/${parts[2]}.yaml` : undefined
}

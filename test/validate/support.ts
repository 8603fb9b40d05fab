import type { Desired, DesiredService } from '../../lib/model/desired.ts'
import type { Result } from '../../lib/model/failure.ts'
import type { Secret } from '../../lib/model/secret.ts'
import type { Workspace, WorkspaceTexts } from '../../lib/validate/files.ts'
import { type Resolution, type ResolveOptions, resolveEnvironment } from '../../lib/validate/resolve.ts'
import { loadWorkspace } from '../../lib/validate/workspace.ts'

/** A workspace that must have no mistake of structure. */
export function loaded(texts: WorkspaceTexts): Workspace {
  const { workspace, failures } = loadWorkspace(texts)
  if (!workspace || failures.length > 0) throw new Error(failures.map(({ message }) => message).join('; '))
  return workspace
}

/** Values that the base workspace needs. */
export const baseValues: ReadonlyMap<string, Secret | string> = new Map([
  ['POSTGRES_PASSWORD', 'generated-password'],
  ['SESSION_KEY', 'generated-key'],
])

/** Resolves with a digest that shows the value, so that tests see which one was taken. */
export function resolved(
  texts: WorkspaceTexts,
  environment: string,
  options: Partial<ResolveOptions> = {},
): Result<Resolution> {
  return resolveEnvironment(loaded(texts), environment, {
    folder: '/workspace',
    values: baseValues,
    digest: (secret) => ({ secret: secret.name, digest: `<${secret.reveal()}>` }),
    ...options,
  })
}

/** The resolved environment; throws when there are failures. */
export function desiredOf(texts: WorkspaceTexts, environment: string, options: Partial<ResolveOptions> = {}): Desired {
  const result = resolved(texts, environment, options)
  if (!result.ok) throw new Error(result.failures.map(({ code, message }) => `${code}: ${message}`).join('; '))
  return result.value.desired
}

/** One service of a resolved environment. */
export function serviceOf(desired: Desired, name: string): DesiredService {
  const found = desired.services.find((service) => service.name === name)
  if (!found) throw new Error(`no ${name}`)
  return found
}

/** Failures as `place code`. */
export const codesOf = (result: Result<unknown>): string[] =>
  result.ok ? [] : result.failures.map(({ code, place }) => `${place?.file}:${place?.line}:${place?.column} ${code}`)

import type { PlatformName } from '../model/environment.ts'
import type { Finding } from '../model/finding.ts'
import { checkValues } from './check-values.ts'
import { type ConfigurationFailure, inOrderOfPlace } from './concern.ts'
import { type LoadedFiles, servicesOf, type Workspace, type WorkspaceTexts } from './files.ts'
import { type LoadOptions, loadWorkspace } from './workspace.ts'

/** Loads a workspace and checks all of it, values included: every mistake at once, in the order of places. */
export function validateWorkspace(
  texts: WorkspaceTexts,
  options: LoadOptions = {},
): { workspace: Workspace | undefined; failures: ConfigurationFailure[] } {
  const { workspace, failures } = loadWorkspace(texts, options)
  return { workspace, failures: inOrderOfPlace([...failures, ...(workspace ? checkValues(workspace) : [])]) }
}

/** What a command is about: one environment on one platform. */
export type Need = { environment: string; platform: PlatformName }

/** Parts failures into those that a command cannot do without, and those that it only warns of. */
export function partByNeed(
  failures: readonly ConfigurationFailure[],
  files: LoadedFiles,
  need: Need,
): { errors: ConfigurationFailure[]; others: ConfigurationFailure[] } {
  const errors = failures.filter((failure) => isNeeded(failure, files, need))
  return { errors, others: failures.filter((failure) => !errors.includes(failure)) }
}

function isNeeded({ concern }: ConfigurationFailure, files: LoadedFiles, need: Need): boolean {
  if (concern.platforms && !concern.platforms.includes(need.platform)) return false
  if (concern.environments && !concern.environments.includes(need.environment)) return false
  if (concern.service === undefined) return true
  const environment = files.environments.get(need.environment)
  if (!environment) return true
  const { database } = environment.configuration
  return servicesOf(files, environment).includes(concern.service) || database?.service === concern.service
}

/** A mistake that a command passes over, as a warning. */
export function asWarning({ code, message, place, why, nearest, next, concern }: ConfigurationFailure): Finding {
  const mend = nearest !== undefined ? `did you mean \`${nearest}\`?` : (next?.[0] ?? why)
  return {
    rule: code,
    severity: 'warning',
    message,
    ...(place && { place }),
    ...(concern.service !== undefined && { service: concern.service }),
    ...(mend !== undefined && { mend }),
  }
}

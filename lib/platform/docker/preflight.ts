import type { Desired } from '../../model/desired.ts'
import type { Finding } from '../../model/finding.ts'
import type { OpOf } from '../../model/op.ts'
import type { Plan } from '../../model/plan.ts'
import type { SecretSource } from '../../model/platform.ts'
import { findingOf, missingSecrets } from '../preflight-findings.ts'
import type { DockerContext } from './context.ts'
import { portFindings } from './ports.ts'
import { configurationValid } from './preflight/configuration.ts'
import { dataKept } from './preflight/data-kept.ts'
import { diskFree } from './preflight/disk.ts'
import { engineInfo } from './preflight/engine-info.ts'
import { imagesPullable } from './preflight/images.ts'
import { resourcesFit } from './preflight/resources.ts'
import type { DockerRule } from './preflight/rule.ts'
import { versionsFit } from './preflight/versions.ts'

/** The rules, in the order in which their findings are shown. A new one is one new file and one line here. */
const rules: readonly DockerRule[] = [
  versionsFit,
  configurationValid,
  imagesPullable,
  ({ docker, plan, desired, signal }) => portFindings(docker, plan, desired, signal),
  async ({ plan, starts, secrets }) => starts.flatMap(({ data }) => missingSecrets(plan, data.spec, secrets)),
  diskFree,
  resourcesFit,
  dataKept,
]

/**
 * Read-only checks of a plan before it runs, all at once: nothing is stopped yet, so what is missing costs nothing. Where the engine does not
 * answer that is the one finding.
 */
export async function preflightDocker(
  docker: DockerContext,
  plan: Plan,
  desired: Desired | undefined,
  secrets: SecretSource,
  signal: AbortSignal,
): Promise<Finding[]> {
  const info = await engineInfo(docker.engine, signal)
  if (!info.ok) return [findingOf(info.failures[0])]
  const starts = plan.ops.filter((op): op is OpOf<'start-service'> => op.kind === 'start-service')
  const given = { docker, plan, desired, secrets, starts, info: info.value, signal }
  return (await Promise.all(rules.map((rule) => rule(given)))).flat()
}

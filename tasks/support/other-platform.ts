import { join } from 'node:path'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, unwrap } from '../../lib/model/failure.ts'
import { checkRequirements, type Requirement } from '../../lib/platform/requirements.ts'
import { exists } from '../../lib/system/files.ts'
import { checkWorkspace } from '../../lib/system/workspace-files.ts'
import { type Finished, finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { configurationPaths } from '../../lib/validate/files.ts'
import { isDriven } from './platforms.ts'
import type { Report } from './result.ts'
import { requirementsTable } from './text.ts'

/** What an environment on a platform that this version does not drive would need here, and what of it is missing. It has no release. */
export type PlatformReport = Report<{
  environment: string
  platform: PlatformName
  requirements: Requirement[]
  current?: undefined
}>

/** Whether the file with an environment's values and secrets is there. */
async function valuesRow(folder: string, environment: string): Promise<Requirement> {
  const values = configurationPaths.values(environment)
  return {
    what: values,
    found: await exists(join(folder, values)),
    mend: `cp ${configurationPaths.example(environment)} ${values} && chmod 600 ${values}   # then fill it in`,
  }
}

/**
 * What platforms need here: their tools, and for each of their environments in the workspace its address and its file of values. Each
 * requirement once.
 */
export async function platformRequirements(
  folder: string,
  platforms: readonly PlatformName[],
  signal: AbortSignal,
): Promise<Requirement[]> {
  const { workspace } = unwrap(await checkWorkspace(folder))
  const environments = [...(workspace?.environments.values() ?? [])].map(({ configuration }) => configuration)
  const needed = environments
    .filter(({ platform }) => platforms.includes(platform))
    .map(async (configuration) => {
      const { name, platform } = configuration
      const address = await checkRequirements([platform], { folder, configuration, signal })
      return [...address, { ...(await valuesRow(folder, name)), platform }]
    })
  const rows = (await Promise.all([checkRequirements(platforms, { folder, signal }), ...needed])).flat()
  return rows.filter(({ what }, index) => rows.findIndex((one) => one.what === what) === index)
}

/**
 * For an environment whose platform is not there (no kubectl, no such context, no answer) or is not driven by this version: everything that is
 * missing in one table, and how to rehearse it here. Changes nothing. Undefined when the command can go on.
 */
export async function otherPlatform(
  folder: string,
  args: { readonly environment: string; readonly platform?: PlatformName | undefined },
  context: TaskContext,
): Promise<Finished<PlatformReport> | undefined> {
  const { workspace } = unwrap(await checkWorkspace(folder))
  const configuration = workspace?.environments.get(args.environment)?.configuration
  if (!configuration) return undefined
  const platform = args.platform ?? configuration.platform
  if (platform !== 'kubernetes' && isDriven(platform)) return undefined
  const needed = await checkRequirements([platform], { folder, configuration, signal: context.signal })
  // A server that does not answer is said by whoever asks it, with what it said.
  const missing = needed.filter(({ found, what }) => !found && !what.startsWith('API server'))
  if (isDriven(platform) && missing.length === 0) return undefined
  const notDriven = {
    what: `${platform} deploys in this version`,
    found: false,
    mend: 'rehearse on this machine: --platform local',
  }
  const rows = [...needed, await valuesRow(folder, args.environment), ...(isDriven(platform) ? [] : [notDriven])]
  const failure: Failure = {
    code: 'platform-not-fit',
    message: `${args.environment} runs on ${platform}: ${rows.filter(({ found }) => !found).length} of ${rows.length} requirements are missing here; nothing was changed`,
    outcome: 'unchanged',
    next: [`task deploy ${args.environment} --platform local`],
  }
  const text = (view: View) => requirementsTable(rows, view)
  return finish('unchanged', { environment: args.environment, platform, requirements: rows, text }, [failure])
}

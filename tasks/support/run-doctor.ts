import { join } from 'node:path'
import { unfinishedRuns } from '../../lib/execute/runs.ts'
import { failureText } from '../../lib/log/failure-text.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { unwrap } from '../../lib/model/failure.ts'
import { listDataHomes } from '../../lib/platform/local/data-root.ts'
import { checkRequirements } from '../../lib/platform/requirements.ts'
import { checkWorkspace } from '../../lib/system/workspace-files.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { workspaceFolder } from './session.ts'
import { requirementsTable } from './text.ts'

/** `task doctor`: this machine, the workspace, and what was left behind. Exit 1 when something has to be mended. */
export async function runDoctor(scope: Scope, context: TaskContext) {
  const folder = await workspaceFolder(scope, context)
  const { workspace, failures } = unwrap(await checkWorkspace(folder))
  const environments = [...(workspace?.environments.values() ?? [])].map(({ configuration }) => configuration)
  const used = new Set<PlatformName>(['local', ...environments.map(({ platform }) => platform)])
  const requirements = await checkRequirements([...used], { folder, signal: context.signal })
  const leftovers = [
    ...(await unfinished(
      join(folder, '.ops'),
      environments.map(({ name }) => name),
    )),
    ...(await listDataHomes())
      .filter(({ orphaned }) => orphaned)
      .map(({ path }) => `the data in ${path} belong to a workspace that is gone: rm -r ${path}`),
  ]
  // What only another platform's environments need is said, and fails nothing here.
  const missing = requirements.filter(
    ({ found, platform }) => !found && (platform === undefined || platform === 'local'),
  )
  const healthy = failures.length === 0 && missing.length === 0 && leftovers.length === 0
  const text = (view: View) =>
    [
      requirementsTable(requirements, view),
      failures.length === 0
        ? `workspace ${folder}: no mistakes\n`
        : `workspace ${folder}: ${failures.length} mistakes\n${failures.map((one) => failureText(one, view)).join('\n')}\n`,
      leftovers.length === 0
        ? 'nothing was left behind\n'
        : `left behind:\n${leftovers.map((one) => `  ${one}\n`).join('')}`,
    ].join('\n')
  return finish(healthy ? 'done' : 'failed', { healthy, requirements, mistakes: failures, leftovers, text })
}

async function unfinished(ops: string, environments: string[]): Promise<string[]> {
  const all = await Promise.all(environments.map((environment) => unfinishedRuns(ops, environment, undefined)))
  return all
    .flat()
    .map(
      ({ run, header }) => `run ${run} (${header?.operation ?? 'unknown'} ${header?.environment ?? ''}) is unfinished`,
    )
}

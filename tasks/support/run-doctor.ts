import { join } from 'node:path'
import { findUnfinished, unfinishedFindings } from '../../lib/execute/recovery.ts'
import { failureText } from '../../lib/log/failure-text.ts'
import type { EnvironmentConfiguration, PlatformName } from '../../lib/model/environment.ts'
import { unwrap } from '../../lib/model/failure.ts'
import { listDataHomes } from '../../lib/platform/local/data-root.ts'
import { localLock } from '../../lib/platform/local/lock.ts'
import { localReleases } from '../../lib/platform/local/releases.ts'
import { checkRequirements } from '../../lib/platform/requirements.ts'
import { checkWorkspace } from '../../lib/system/workspace-files.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { quoteWord } from '../../lib/task/shell-quote.ts'
import type { Scope } from './flags.ts'
import { workspaceFolder } from './session.ts'
import { requirementsTable } from './text.ts'

/** What somebody left, and what to type about it. */
type Leftover = { message: string; mend?: string }

const leftoverText = ({ message, mend }: Leftover): string =>
  `  ${message}\n${mend === undefined ? '' : `    mend: ${mend}\n`}`

/** `task doctor`: this machine, the workspace, and what was left behind. Exit 1 when something has to be mended. */
export async function runDoctor(scope: Scope, context: TaskContext) {
  const folder = await workspaceFolder(scope, context)
  const { workspace, failures } = unwrap(await checkWorkspace(folder))
  const environments = [...(workspace?.environments.values() ?? [])].map(({ configuration }) => configuration)
  const used = new Set<PlatformName>(['local', ...environments.map(({ platform }) => platform)])
  const requirements = await checkRequirements([...used], { folder, signal: context.signal })
  const leftovers: Leftover[] = [
    ...(await unfinished(join(folder, '.ops'), environments)),
    ...(await listDataHomes())
      .filter(({ orphaned }) => orphaned)
      .map(({ path }) => ({
        message: `the data in ${path} belong to a workspace that is gone`,
        mend: `rm -r ${quoteWord(path)}`,
      })),
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
      leftovers.length === 0 ? 'nothing was left behind\n' : `left behind:\n${leftovers.map(leftoverText).join('')}`,
    ].join('\n')
  return finish(healthy ? 'done' : 'failed', { healthy, requirements, mistakes: failures, leftovers, text })
}

/**
 * What dead runs left, in each environment and in its rehearsal on this machine, with the commands that deal with it. Who holds the lock is at work and
 * has left nothing.
 */
async function unfinished(ops: string, environments: readonly EnvironmentConfiguration[]): Promise<Leftover[]> {
  const names = environments.flatMap(({ name, platform }) => (platform === 'local' ? [name] : [name, `${name}@local`]))
  const found = await Promise.all(
    names.map(async (environment) => {
      const holder = await localLock({ ops, environment }).inspect()
      return findUnfinished({ ops, environment, releases: localReleases(ops, environment) }, holder)
    }),
  )
  return found
    .flatMap((one) => (one ? unfinishedFindings(one) : []))
    .map(({ message, mend }) => ({ message, ...(mend === undefined ? {} : { mend }) }))
}

import { failureText } from '../../lib/log/failure-text.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { unwrap } from '../../lib/model/failure.ts'
import { listDataHomes } from '../../lib/platform/local/data-root.ts'
import { checkRequirements } from '../../lib/platform/requirements.ts'
import { checkWorkspace } from '../../lib/system/workspace-files.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { quoteWord } from '../../lib/task/shell-quote.ts'
import type { Scope } from './flags.ts'
import { type Leftover, leftUnfinished } from './left-unfinished.ts'
import { workspaceFolder } from './session.ts'
import { requirementsTable } from './text.ts'

const leftoverText = ({ message, mend }: Leftover): string =>
  `  ${message}\n${mend === undefined ? '' : `    mend: ${mend}\n`}`

/** `task doctor`: this machine, the workspace, and what was left behind. Exit 1 when something has to be mended. */
export async function runDoctor(scope: Scope, context: TaskContext) {
  const folder = await workspaceFolder(scope, context)
  const { workspace, failures } = unwrap(await checkWorkspace(folder))
  const environments = [...(workspace?.environments.values() ?? [])].map(({ configuration }) => configuration)
  const used = new Set<PlatformName>(['local', ...environments.map(({ platform }) => platform)])
  const [requirements, unfinished] = await Promise.all([
    checkRequirements([...used], { folder, signal: context.signal }),
    leftUnfinished(folder, environments),
  ])
  const { notAsked } = unfinished
  const leftovers: Leftover[] = [
    ...unfinished.leftovers,
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
      ...notAsked.map(({ environment, why }) => `not known whether anything was left in ${environment}: ${why}\n`),
    ].join('\n')
  return finish(healthy ? 'done' : 'failed', { healthy, requirements, mistakes: failures, leftovers, notAsked, text })
}
